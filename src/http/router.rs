//! The one route table: which room a path belongs to. Everything that needs no credential stands in [`Place`]'s
//! health variants, and nowhere else.

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// `/api/v1/health`: fit for load balancers.
    Health,
    /// `/api/v1/health/live`: the process runs.
    Live,
    /// `/health`: each check by name.
    Checks,
    /// A rack's API: the rack's name unless it is the default, and what follows the prefix.
    Rack {
        name: Option<&'a str>,
        rest: &'a str,
    },
    /// The artifact registry: what follows the prefix.
    Artifact {
        rest: &'a str,
    },
    /// The gateway's own API.
    Api,
    /// The container registry, where its clients demand it.
    Registry,
    /// Where they get their tokens.
    RegistryToken,
    /// A service of the directory: its slug as it stands in the path, and what follows.
    Service {
        slug: &'a str,
        rest: &'a str,
    },
    /// The keys with which services verify who calls them.
    ServiceKeys,
    /// The console in the browser.
    Web,
    Unknown,
}

const DEFAULT_RACK: &str = "/api/v1/rack-proxy";
const ARTIFACTS: &str = "/api/v1/artifact-proxy";
const RACKS: &str = "/api/v1/racks/";
const SERVICES: &str = "/svc/";

/// Decides from the raw path, without decoding: an encoded prefix is nobody's.
pub fn place_of(path: &str) -> Place<'_> {
    match path {
        "/api/v1/health" => return Place::Health,
        "/api/v1/health/live" => return Place::Live,
        "/health" => return Place::Checks,
        _ => {}
    }
    if let Some(rest) = path.strip_prefix(DEFAULT_RACK).filter(|rest| is_below(rest)) {
        return Place::Rack { name: None, rest };
    }
    if let Some(rest) = path.strip_prefix(ARTIFACTS).filter(|rest| is_below(rest)) {
        return Place::Artifact { rest };
    }
    if let Some((name, rest)) = path.strip_prefix(RACKS).and_then(|tail| tail.split_once("/proxy"))
        && is_below(rest)
        && !name.is_empty()
        && !name.contains('/')
    {
        return Place::Rack { name: Some(name), rest };
    }
    if let Some(tail) = path.strip_prefix(SERVICES) {
        let (slug, rest) = tail.split_at_checked(tail.find('/').unwrap_or(tail.len())).unwrap_or((tail, ""));
        return Place::Service { slug, rest };
    }
    match path {
        "/" | "/app" | "/favicon.ico" | "/robots.txt" => Place::Web,
        "/v2" => Place::Registry,
        "/token" => Place::RegistryToken,
        "/.well-known/jwks.json" => Place::ServiceKeys,
        _ if path.starts_with("/v2/") => Place::Registry,
        _ if path.starts_with("/app/") => Place::Web,
        _ if path.starts_with("/api/v1/") || path.starts_with("/registry-svc/") => Place::Api,
        _ => Place::Unknown,
    }
}

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

impl Place<'_> {
    /// Health must answer however busy a client was.
    pub const fn is_rate_limited(self) -> bool {
        !self.is_health()
    }

    /// Load balancers ask for health under whatever name they know.
    pub const fn has_a_host(self) -> bool {
        !self.is_health()
    }

    /// Nobody looks for the traces of probes, which come every few seconds.
    pub const fn is_traced(self) -> bool {
        !self.is_health()
    }

    const fn is_health(self) -> bool {
        matches!(self, Self::Health | Self::Live | Self::Checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_room() {
        let rack = |name, rest| Place::Rack { name, rest };
        let service = |slug, rest| Place::Service { slug, rest };
        for (path, place) in [
            ("/api/v1/health", Place::Health),
            ("/api/v1/health/live", Place::Live),
            ("/health", Place::Checks),
            ("/api/v1/rack-proxy/apps", rack(None, "/apps")),
            ("/api/v1/rack-proxy", rack(None, "")),
            ("/api/v1/rack-proxy//apps", rack(None, "//apps")),
            ("/api/v1/racks/staging/proxy/apps/web", rack(Some("staging"), "/apps/web")),
            ("/api/v1/racks/staging/proxy/proxy/h/1", rack(Some("staging"), "/proxy/h/1")),
            ("/api/v1/racks", Place::Api),
            ("/api/v1/racks//proxy/apps", Place::Api),
            ("/api/v1/racks/a/b/proxy/apps", Place::Api),
            ("/api/v1/artifact-proxy", Place::Artifact { rest: "" }),
            ("/api/v1/artifact-proxy/registries/@a/b", Place::Artifact { rest: "/registries/@a/b" }),
            ("/api/v1/artifact-proxyx", Place::Api),
            ("/api/v1/rack-proxyx/apps", Place::Api),
            ("/api/v1/me", Place::Api),
            ("/api/v1/health/", Place::Api),
            ("/api/v1/health%2flive", Place::Api),
            ("/health/", Place::Unknown),
            ("/HEALTH", Place::Unknown),
            ("/registry-svc/instances", Place::Api),
            ("/registry-svc", Place::Unknown),
            ("/registry-svcs/instances", Place::Unknown),
            ("/", Place::Web),
            ("/app", Place::Web),
            ("/app/", Place::Web),
            ("/app/../api/v1/me", Place::Web),
            ("/favicon.ico", Place::Web),
            ("/apps", Place::Unknown),
            ("/svc/web/", service("web", "/")),
            ("/svc/web", service("web", "")),
            ("/svc/web/a%2Fb//c", service("web", "/a%2Fb//c")),
            ("/svc/web/../x", service("web", "/../x")),
            ("/svc/", service("", "")),
            ("/svc//x", service("", "/x")),
            ("/svc/w%65b/x", service("w%65b", "/x")),
            ("/svc", Place::Unknown),
            ("/svcx/web", Place::Unknown),
            ("/%73vc/web", Place::Unknown),
            ("/.well-known/jwks.json", Place::ServiceKeys),
            ("/.well-known/jwks.json/", Place::Unknown),
            ("//app/", Place::Unknown),
            ("/%61pp/", Place::Unknown),
        ] {
            assert_eq!(place_of(path), place, "{path}");
        }
    }
}
