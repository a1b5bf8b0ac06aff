//! Names in the environment that are ours but not known, and known ones that have no effect on the server.

use super::{
    env::Env,
    reserved::{FOR_CLIENTS, RESERVED, RESERVED_PREFIXES},
    suggest, variables,
};

const OUR_PREFIXES: [&str; 2] = ["RACK_GATEWAY_", "RGW_"];

/// A warning for each variable that carries our prefix and nearly is one of ours. Other unknown variables
/// are nobody's business.
pub(super) fn misspelt(env: &dyn Env) -> Vec<String> {
    let mut warnings = Vec::new();
    for name in env.names() {
        let Some(bare) = OUR_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) else { continue };
        if is_known(&name) || is_service_link(env, &name) {
            continue;
        }
        let prefixed =
            known_names().filter(|known| OUR_PREFIXES.iter().any(|prefix| known.starts_with(prefix)));
        let near = known_names().find(|known| *known == bare).or_else(|| suggest::nearest(&name, prefixed));
        if let Some(near) = near {
            warnings.push(format!("environment: {name}: is not known; did you mean {near}?"));
        }
    }
    warnings
}

/// Reserved names that are set, in the order of the table.
pub(super) fn reserved(env: &dyn Env) -> Vec<&'static str> {
    let set = env.names();
    reserved_names().filter(|name| set.iter().any(|set| set == name)).collect()
}

/// Names for client commands that are set, in the order of the table.
pub(super) fn for_clients(env: &dyn Env) -> Vec<&'static str> {
    let set = env.names();
    client_names().filter(|name| set.iter().any(|set| set == name)).collect()
}

fn is_known(name: &str) -> bool {
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    let is_ours = variables::ALL.iter().any(|row| row.name == name || (row.is_secret() && row.name == plain));
    is_ours
        || reserved_names().chain(client_names()).any(|reserved| reserved == name)
        || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Kubernetes describes a service named `rack-gateway` by variables with our prefix.
fn is_service_link(env: &dyn Env, name: &str) -> bool {
    name.contains("_SERVICE_") || env.get(name).is_some_and(|value| value.starts_with("tcp://"))
}

fn known_names() -> impl Iterator<Item = &'static str> {
    variables::ALL.iter().map(|row| row.name).chain(reserved_names()).chain(client_names())
}

fn client_names() -> impl Iterator<Item = &'static str> {
    FOR_CLIENTS.iter().map(|(name, _)| *name)
}

fn reserved_names() -> impl Iterator<Item = &'static str> {
    RESERVED.iter().flat_map(|(names, _)| names.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MapEnv;

    #[test]
    fn near_misses_with_our_prefix() {
        let env = MapEnv::from([
            ("RACK_GATEWAY_CONFG", "x"),
            ("RACK_GATEWAY_LISTEN", "x"),
            ("RGW_DATABASE_ULR", "hunter2"),
            ("RGW_DATABASE_URL_FILE", "x"),
            ("RACK_GATEWAY_PORT", "tcp://10.0.0.1:8443"),
            ("RACK_GATEWAY_SERVICE_HOST", "10.0.0.1"),
            ("RACK_GATEWAY_PORT_8443_TCP_ADDR", "10.0.0.1"),
            ("RGW_SETTING_MFA_REQUIRE_ALL_USERS", "true"),
            ("RACK_GATEWAY_WALLPAPER", "x"),
            ("LISTN", "x"),
        ]);
        assert_eq!(
            misspelt(&env),
            [
                "environment: RACK_GATEWAY_CONFG: is not known; did you mean RACK_GATEWAY_CONFIG?",
                "environment: RACK_GATEWAY_LISTEN: is not known; did you mean LISTEN?",
                "environment: RGW_DATABASE_ULR: is not known; did you mean RGW_DATABASE_URL?",
            ]
        );
    }

    #[test]
    fn reserved_names_are_listed_and_no_values() {
        let env =
            MapEnv::from([("GITHUB_TOKEN", "hunter2"), ("AUDIT_HMAC_SECRET", "hunter2"), ("HOME", "/")]);
        assert_eq!(reserved(&env), ["AUDIT_HMAC_SECRET", "GITHUB_TOKEN"]);
        assert_eq!(for_clients(&env), Vec::<&str>::new());
    }

    #[test]
    fn names_for_clients_are_known_and_listed_by_themselves() {
        let env = MapEnv::from([("RACK_GATEWAY_API_TOKEN", "hunter2"), ("RACK_GATEWAY_URI", "x")]);
        assert_eq!(for_clients(&env), ["RACK_GATEWAY_API_TOKEN"]);
        assert_eq!(reserved(&env), Vec::<&str>::new());
        assert_eq!(
            misspelt(&env),
            ["environment: RACK_GATEWAY_URI: is not known; did you mean RACK_GATEWAY_URL?"]
        );
    }
}
