//! The tables of the configuration file.

/// The tables of the TOML file, in the order of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    File,
    Server,
    Limits,
    Database,
    Racks,
    Audit,
    Access,
    Identity,
    Mail,
    Registry,
    Services,
    Artifact,
    Webhooks,
    Directory,
    Login,
    Oidc,
    Github,
    GroupRoles,
    Log,
    Otel,
    Sentry,
}

impl Section {
    pub const ALL: [Self; 21] = [
        Self::File,
        Self::Server,
        Self::Limits,
        Self::Database,
        Self::Racks,
        Self::Audit,
        Self::Access,
        Self::Identity,
        Self::Mail,
        Self::Registry,
        Self::Services,
        Self::Artifact,
        Self::Webhooks,
        Self::Directory,
        Self::Login,
        Self::Oidc,
        Self::Github,
        Self::GroupRoles,
        Self::Log,
        Self::Otel,
        Self::Sentry,
    ];

    /// True for the sections with a table for each named thing, as in `[racks.staging]`.
    pub const fn is_named(self) -> bool {
        matches!(self, Self::Racks | Self::Oidc | Self::Webhooks)
    }

    /// The name of its table in the TOML file.
    pub const fn table(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Server => "server",
            Self::Limits => "limits",
            Self::Database => "database",
            Self::Racks => "racks",
            Self::Audit => "audit",
            Self::Access => "access",
            Self::Identity => "identity",
            Self::Mail => "mail",
            Self::Registry => "registry",
            Self::Services => "services",
            Self::Artifact => "artifact",
            Self::Webhooks => "webhooks",
            Self::Directory => "directory",
            Self::Login => "login",
            Self::Oidc => "oidc",
            Self::Github => "github",
            Self::GroupRoles => "group_roles",
            Self::Log => "log",
            Self::Otel => "otel",
            Self::Sentry => "sentry",
        }
    }
}
