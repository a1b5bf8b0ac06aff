//! Which instances somebody asks for, and which of them they may see.

use super::{
    super::{ApiError, admin::Query},
    wish::read_status,
};
use crate::{
    core::Timestamp,
    directory::{Instance, Snapshot, Status},
    identity::Principal,
    policy::{Permission, Target},
};
use std::{collections::HashMap, sync::Arc};

pub const NAMES: [&str; 13] = [
    "id",
    "slug",
    "scheme",
    "host",
    "ip",
    "port",
    "path",
    "status",
    "tag",
    "nodeUrl",
    "deploymentId",
    "owner",
    "draining",
];

/// All that is asked for must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    wanted: Vec<(&'static str, String)>,
    status: Option<Status>,
}

impl Filter {
    pub fn read(query: &Query) -> Result<Self, ApiError> {
        let status = query.get("status").map(|status| read_status("status", status)).transpose()?;
        query.one_of("draining", &["true", "false"])?;
        let wanted = NAMES
            .into_iter()
            .filter(|name| *name != "status")
            .filter_map(|name| Some((name, query.get(name)?.to_owned())));
        Ok(Self { wanted: wanted.collect(), status })
    }

    pub fn fits(&self, one: &Instance) -> bool {
        self.status.is_none_or(|status| one.status == status)
            && self.wanted.iter().all(|(name, value)| has(one, name, value))
    }
}

fn has(one: &Instance, name: &str, value: &str) -> bool {
    let address = &one.address;
    match name {
        "id" => one.id.as_str() == value,
        "slug" => one.slug == value,
        "scheme" => address.scheme.as_str().eq_ignore_ascii_case(value),
        "host" => address.host.eq_ignore_ascii_case(value.trim_matches(['[', ']'])),
        "ip" => address.ip().is_some_and(|ip| value.parse() == Ok(ip)),
        "port" => value.parse() == Ok(address.port),
        "path" => address.path.trim_start_matches('/') == value.trim_matches('/'),
        "tag" => one.tags.iter().any(|tag| tag == value),
        "nodeUrl" => one.node_url.as_deref() == Some(value),
        "deploymentId" => one.deployment_id.as_deref() == Some(value),
        "owner" => one.owner.email == value,
        "draining" => one.draining.is_some() == (value == "true"),
        _ => false,
    }
}

/// What a caller may see, asked once for each slug.
#[derive(Debug)]
pub struct Sight<'a> {
    principal: &'a Principal,
    now: Timestamp,
    known: HashMap<String, bool>,
}

impl<'a> Sight<'a> {
    pub fn of(principal: &'a Principal, now: Timestamp) -> Self {
        Self { principal, now, known: HashMap::new() }
    }

    pub fn sees(&mut self, slug: &str) -> bool {
        if let Some(known) = self.known.get(slug) {
            return *known;
        }
        let may = self.principal.rights.allow(Permission::InstanceView, &Target::service(slug), self.now);
        self.known.insert(slug.to_owned(), may);
        may
    }
}

/// In the order of their ids.
pub fn visible(snapshot: &Snapshot, filter: &Filter, mut sight: Sight<'_>) -> Vec<Arc<Instance>> {
    let fits = |one: &&Arc<Instance>| filter.fits(one) && sight.sees(&one.slug);
    let mut found: Vec<_> = snapshot.instances().filter(fits).cloned().collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::UserId,
        directory::{Address, InstanceId, Owner},
    };

    #[test]
    fn every_filter_filters() {
        let now = Timestamp::from_micros(1_000_000);
        let owner = Owner { user: UserId::new(now), email: "ada@example.com".to_owned() };
        let address = Address::from_url("http://10.0.0.1:8080/api").unwrap();
        let id = InstanceId::parse("inst_1").unwrap();
        let mut one = Instance::new(id, "web", address, owner, now);
        one.tags = vec!["eu".to_owned()];
        (one.node_url, one.deployment_id) = (Some("http://n:1".to_owned()), Some("d1".to_owned()));
        let fits = |raw: &str| {
            let query = Query::read(Some(raw), &NAMES).unwrap();
            Filter::read(&query).unwrap().fits(&one)
        };
        assert!(fits(""));
        for (name, right, wrong) in [
            ("id", "inst_1", "inst_2"),
            ("slug", "web", "we"),
            ("scheme", "HTTP", "https"),
            ("host", "10.0.0.1", "10.0.0.2"),
            ("ip", "10.0.0.1", "x"),
            ("port", "8080", "80"),
            ("path", "api", "/ap"),
            ("status", "unknown", "Healthy"),
            ("tag", "eu", "us"),
            ("nodeUrl", "http%3A//n:1", "http://m:1"),
            ("deploymentId", "d1", "d2"),
            ("owner", "ada@example.com", "bob@example.com"),
            ("draining", "false", "true"),
        ] {
            assert!(fits(&format!("{name}={right}")), "{name}={right}");
            assert!(!fits(&format!("{name}={wrong}")), "{name}={wrong}");
            assert!(!fits(&format!("slug=web&{name}={wrong}").replace("slug=web&slug", "slug")), "{name}");
        }
        for raw in ["status=Fine", "draining=yes"] {
            let query = Query::read(Some(raw), &NAMES).unwrap();
            assert!(Filter::read(&query).is_err(), "{raw}");
        }
    }
}
