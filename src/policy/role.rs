//! The roles that every installation has. Custom roles live in the database.

use super::{PermissionPattern, PermissionSet};

#[derive(Debug)]
pub struct BuiltInRole {
    pub name: &'static str,
    pub description: &'static str,
    inherits: Option<&'static str>,
    own: &'static [&'static str],
}

impl BuiltInRole {
    pub fn permissions(&self) -> PermissionSet {
        let inherited = self.inherits.and_then(built_in).map(Self::permissions).unwrap_or_default();
        self.own
            .iter()
            .filter_map(|text| PermissionPattern::parse(text).ok())
            .fold(inherited, |set, pattern| set.union(pattern.expand()))
    }
}

pub fn built_in(name: &str) -> Option<&'static BuiltInRole> {
    BUILT_IN.iter().find(|role| role.name == name)
}

/// Weakest first; each but `cicd` holds all that the one before it holds.
pub static BUILT_IN: [BuiltInRole; 5] = [
    BuiltInRole {
        name: "viewer",
        description: "sees apps, processes, builds, instances and logs",
        inherits: None,
        own: &[
            "convox:app:list",
            "convox:app:read",
            "convox:budget:read",
            "convox:build:list",
            "convox:build:read",
            "convox:instance:list",
            "convox:instance:read",
            "convox:log:read",
            "convox:metric:read",
            "convox:process:list",
            "convox:process:read",
            "convox:rack:read",
            "registry:artifact:read",
            "registry:catalog:list",
            "registry:repo:pull",
            "registry-svc:instance:view",
            "registry-svc:node:view",
        ],
    },
    BuiltInRole {
        name: "ops",
        description: "restarts apps, runs commands and copies files in processes, reads variables that are not secret",
        inherits: Some("viewer"),
        own: &[
            "convox:app:restart",
            "convox:env:read",
            "convox:file:read",
            "convox:file:write",
            "convox:process:exec",
            "convox:process:start",
            "convox:process:terminate",
            "convox:release:list",
            "service:instance:call",
        ],
    },
    BuiltInRole {
        name: "deployer",
        description: "builds, releases, scales and sets variables that are not secret",
        inherits: Some("ops"),
        own: &[
            "convox:app:update",
            "convox:build:create",
            "convox:build:update",
            "convox:cert:list",
            "convox:env:set",
            "convox:object:create",
            "convox:release:create",
            "convox:release:promote",
            "convox:release:read",
            "convox:resource:list",
            "convox:resource:read",
            "registry:artifact:publish",
            "registry:repo:push",
            "registry:tag:overwrite",
            "registry-svc:instance:edit",
            "registry-svc:node:edit",
        ],
    },
    BuiltInRole {
        name: "cicd",
        description: "for tokens of build servers: builds, releases and promotes, reads no variables",
        inherits: None,
        own: &[
            "convox:app:list",
            "convox:app:read",
            "convox:build:create",
            "convox:build:list",
            "convox:build:read",
            "convox:build:update",
            "convox:instance:list",
            "convox:instance:read",
            "convox:log:read",
            "convox:object:create",
            "convox:process:list",
            "convox:process:read",
            "convox:rack:read",
            "convox:release:create",
            "convox:release:list",
            "convox:release:promote",
            "convox:release:read",
            "registry:artifact:publish",
            "registry:artifact:read",
            "registry:catalog:list",
            "registry:repo:pull",
            "registry:repo:push",
            "registry:tag:overwrite",
        ],
    },
    BuiltInRole {
        name: "admin",
        description: "does everything, administration of the gateway included",
        inherits: None,
        own: &["*:*:*"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Permission;

    /// Permissions that no built-in role but `admin` may hold: each reaches round the gateway's own decisions.
    const ADMIN_ONLY: [Permission; 6] = [
        Permission::InternalRegistry,
        Permission::InternalHttp,
        Permission::JwtCreate,
        Permission::JwtRotate,
        Permission::SecretRead,
        Permission::SecretSet,
    ];

    #[test]
    fn every_line_of_every_role_names_a_permission() {
        for role in &BUILT_IN {
            for text in role.own {
                assert!(PermissionPattern::parse(text).is_ok(), "{}: {text}", role.name);
            }
        }
    }

    #[test]
    fn roles_grow() {
        let set = |name| built_in(name).unwrap().permissions();
        assert!(set("viewer").is_subset_of(set("ops")));
        assert!(set("ops").is_subset_of(set("deployer")));
        assert!(set("deployer").is_subset_of(set("admin")));
        assert!(set("cicd").is_subset_of(set("admin")));
        assert!(!set("viewer").contains(Permission::AppRestart));
        assert!(set("ops").contains(Permission::AppRestart));
    }

    #[test]
    fn doors_round_the_gateway_are_for_admins() {
        for role in BUILT_IN.iter().filter(|role| role.name != "admin") {
            for permission in ADMIN_ONLY {
                assert!(!role.permissions().contains(permission), "{} holds {permission}", role.name);
            }
        }
    }
}
