//! The closed list of permissions, each with the strength of proof that it asks for.

use std::fmt;

/// How fresh a proof of a second factor the permission asks for when a person (not a token) uses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MfaLevel {
    None,
    /// A proof within the step-up window.
    StepUp,
    /// A proof for this very call.
    Always,
}

impl MfaLevel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StepUp => "step_up",
            Self::Always => "always",
        }
    }
}

/// Whether using the permission changes something. Changes are recorded durably before they are carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    Read,
    Change,
}

macro_rules! permissions {
    ($($variant:ident $name:literal $effect:ident $mfa:ident $summary:literal;)*) => {
        /// Something that can be allowed: `scope:resource:action`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Permission { $(#[doc = $summary] $variant,)* }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub const fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)* }
            }

            pub const fn mfa(self) -> MfaLevel {
                match self { $(Self::$variant => MfaLevel::$mfa,)* }
            }

            /// What it lets you do, as a phrase that follows "may".
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }
        }
    };
}

permissions! {
    AppList "convox:app:list" Read None "list apps";
    AppRead "convox:app:read" Read None "read an app";
    AppCreate "convox:app:create" Change StepUp "create apps";
    AppUpdate "convox:app:update" Change StepUp "change an app or its services";
    AppDelete "convox:app:delete" Change Always "delete an app";
    AppRestart "convox:app:restart" Change StepUp "restart an app";
    BudgetRead "convox:budget:read" Read None "read budgets and costs";
    BudgetUpdate "convox:budget:update" Change StepUp "change budgets";
    BuildList "convox:build:list" Read None "list builds";
    BuildRead "convox:build:read" Read None "read and export builds";
    BuildCreate "convox:build:create" Change StepUp "create and import builds";
    BuildUpdate "convox:build:update" Change StepUp "change builds";
    CertList "convox:cert:list" Read None "list certificates";
    CertCreate "convox:cert:create" Change StepUp "add, generate and renew certificates";
    CertDelete "convox:cert:delete" Change StepUp "delete certificates";
    CertUpdate "convox:cert:update" Change StepUp "choose certificates and their issuer";
    ConfigList "convox:config:list" Read None "list configs";
    ConfigRead "convox:config:read" Read None "read configs";
    ConfigSet "convox:config:set" Change StepUp "change configs";
    EnvRead "convox:env:read" Read None "read environment variables";
    EnvSet "convox:env:set" Change StepUp "change environment variables";
    EventCreate "convox:event:create" Change None "create events";
    FileRead "convox:file:read" Change StepUp "copy files out of processes";
    FileWrite "convox:file:write" Change StepUp "copy files into processes";
    FileDelete "convox:file:delete" Change StepUp "delete files in processes";
    InstanceList "convox:instance:list" Read None "list instances";
    InstanceRead "convox:instance:read" Read None "read instances";
    InstanceTerminate "convox:instance:terminate" Change Always "terminate instances";
    InstanceKeyroll "convox:instance:keyroll" Change Always "roll the instances' SSH key";
    InstanceShell "convox:instance:shell" Change Always "open a shell on an instance";
    InternalRegistry "convox:internal:registry" Change Always "reach the rack's own image registry";
    InternalHttp "convox:internal:http" Change Always "send HTTP to any address inside the rack";
    JwtCreate "convox:jwt:create" Change Always "mint rack tokens that bypass the gateway";
    JwtRotate "convox:jwt:rotate" Change Always "rotate the rack's token key";
    LogRead "convox:log:read" Read None "read logs";
    MetricRead "convox:metric:read" Read None "read metrics";
    ObjectList "convox:object:list" Read None "list objects";
    ObjectRead "convox:object:read" Read None "read objects";
    ObjectCreate "convox:object:create" Change None "upload objects";
    ObjectDelete "convox:object:delete" Change StepUp "delete objects";
    ProcessList "convox:process:list" Read None "list processes";
    ProcessRead "convox:process:read" Read None "read processes";
    ProcessStart "convox:process:start" Change StepUp "run processes and restart services";
    ProcessExec "convox:process:exec" Change StepUp "run commands in processes";
    ProcessTerminate "convox:process:terminate" Change StepUp "stop processes";
    ProxyConnect "convox:proxy:connect" Change StepUp "open connections to addresses inside the rack";
    RackRead "convox:rack:read" Read None "read the rack";
    RackUpdate "convox:rack:update" Change StepUp "change the rack";
    RegistryList "convox:registry:list" Read None "list registries with their passwords";
    RegistryAdd "convox:registry:add" Change StepUp "add registries";
    RegistryRemove "convox:registry:remove" Change StepUp "remove registries";
    ReleaseList "convox:release:list" Read None "list releases";
    ReleaseRead "convox:release:read" Read None "read releases";
    ReleaseCreate "convox:release:create" Change StepUp "create releases";
    ReleasePromote "convox:release:promote" Change StepUp "promote releases";
    ResourceList "convox:resource:list" Read None "list resources with their URLs";
    ResourceRead "convox:resource:read" Read None "read resources with their URLs";
    ResourceCreate "convox:resource:create" Change StepUp "create resources";
    ResourceUpdate "convox:resource:update" Change StepUp "change and link resources";
    ResourceDelete "convox:resource:delete" Change Always "delete resources";
    ResourceConsole "convox:resource:console" Change StepUp "open a console on a resource";
    ResourceExport "convox:resource:export" Change StepUp "export a resource's data";
    ResourceImport "convox:resource:import" Change Always "replace a resource's data";
    SecretRead "convox:secret:read" Read None "read secret variables";
    SecretSet "convox:secret:set" Change StepUp "change secret variables";
    AuditRead "gateway:audit:read" Read None "read the audit log";
    UserRead "gateway:user:read" Read None "read users";
    UserCreate "gateway:user:create" Change Always "create users";
    UserUpdate "gateway:user:update" Change Always "change and lock users";
    UserDelete "gateway:user:delete" Change Always "delete users";
    RoleRead "gateway:role:read" Read None "read roles";
    RoleUpdate "gateway:role:update" Change Always "change custom roles";
    GrantRead "gateway:grant:read" Read None "read grants";
    GrantUpdate "gateway:grant:update" Change Always "add and remove grants";
    TokenRead "gateway:api_token:read" Read None "read API tokens";
    TokenCreate "gateway:api_token:create" Change Always "create API tokens";
    TokenUpdate "gateway:api_token:update" Change Always "change API tokens";
    TokenDelete "gateway:api_token:delete" Change Always "revoke API tokens";
    SessionRead "gateway:session:read" Read None "read other people's sessions";
    SessionRevoke "gateway:session:revoke" Change Always "end other people's sessions";
    LinkCreate "gateway:invitation:create" Change Always "invite people";
    LinkRead "gateway:invitation:read" Read None "read invitations";
    LinkRevoke "gateway:invitation:revoke" Change StepUp "take invitations back";
    SettingRead "gateway:setting:read" Read None "read settings";
    SettingUpdate "gateway:setting:update" Change Always "change settings";
    RepoPull "registry:repo:pull" Read None "pull images";
    RepoPush "registry:repo:push" Change None "push images";
    RepoDelete "registry:repo:delete" Change None "delete images";
    TagOverwrite "registry:tag:overwrite" Change None "move tags that exist";
    CatalogList "registry:catalog:list" Read None "list repositories";
    ArtifactRead "registry:artifact:read" Read None "read artifacts";
    ArtifactPublish "registry:artifact:publish" Change None "publish artifacts";
    InstanceView "registry-svc:instance:view" Read None "see registered instances";
    InstanceRegister "registry-svc:instance:edit" Change None "register and change instances of one's own";
    InstanceRemove "registry-svc:instance:delete" Change None "remove instances, and change those of others";
    NodeView "registry-svc:node:view" Read None "see nodes";
    NodeRegister "registry-svc:node:edit" Change None "register nodes";
    NodeRemove "registry-svc:node:delete" Change None "remove nodes";
    ServiceCall "service:instance:call" Read None "call services";
}

impl Permission {
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions as bits, so that a decision costs two instructions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u128);

const _: () = assert!(Permission::ALL.len() <= 128, "PermissionSet holds 128 permissions");

impl PermissionSet {
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u8))
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::name)).finish()
    }
}

/// `convox:app:restart`, or with `*` for a whole part: `convox:*:*`. Stands in custom roles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermissionPattern(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" names no permission; write scope:resource:action, with * for a whole part, as in convox:app:read or convox:*:*"
)]
pub struct UnknownPermission(String);

impl PermissionPattern {
    pub fn parse(text: &str) -> Result<Self, UnknownPermission> {
        let pattern = Self(text.to_owned());
        if pattern.expand() == PermissionSet::default() {
            return Err(UnknownPermission(text.chars().take(100).collect()));
        }
        Ok(pattern)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The permissions that exist today and that the pattern names.
    pub fn expand(&self) -> PermissionSet {
        Permission::ALL.iter().copied().filter(|permission| self.names(*permission)).collect()
    }

    fn names(&self, permission: Permission) -> bool {
        let mut wanted = self.0.split(':');
        let all_parts_fit = permission
            .name()
            .split(':')
            .all(|part| wanted.next().is_some_and(|want| want == "*" || want == part));
        all_parts_fit && wanted.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_parts_and_are_unique() {
        let mut names: Vec<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        assert!(names.iter().all(|name| name.split(':').count() == 3));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Permission::ALL.len());
    }

    #[test]
    fn patterns_expand() {
        let all_apps = PermissionPattern::parse("convox:app:*").unwrap().expand();
        assert!(all_apps.contains(Permission::AppRestart));
        assert!(!all_apps.contains(Permission::ProcessExec));
        let everything = PermissionPattern::parse("*:*:*").unwrap().expand();
        assert_eq!(everything.iter().count(), Permission::ALL.len());
    }

    #[test]
    fn patterns_that_name_nothing_are_refused() {
        for text in
            ["", "*", "convox:*", "convox:app:fly", "convox:app:*:*", "CONVOX:app:read", "convox:ap*:read"]
        {
            assert!(PermissionPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whatever_needs_fresh_proof_is_a_change() {
        for permission in Permission::ALL {
            if permission.mfa() == MfaLevel::Always {
                assert_eq!(permission.effect(), Effect::Change, "{permission}");
            }
        }
    }
}
