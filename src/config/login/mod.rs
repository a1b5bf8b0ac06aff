//! Who vouches for people: OpenID Connect providers, GitHub, and which of their groups holds which role.

mod read;

use crate::core::Secret;
use url::Url;

pub(super) use read::read;

#[derive(Debug, Clone, Default)]
pub struct LoginConfig {
    /// By name.
    pub oidc: Vec<OidcConfig>,
    pub github: Option<GithubConfig>,
    pub group_roles: Vec<GroupRole>,
    /// Whoever a provider vouches for gets an account, known or not.
    pub provision: bool,
}

/// One OpenID Connect provider.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// `[a-z0-9-]{1,40}`; `google` for the one of the environment. Never [`GITHUB`].
    pub name: String,
    pub display_name: String,
    /// Exactly as the provider writes it: no slash is added or removed. Plain http only on loopback.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret,
    /// Besides `openid`.
    pub scopes: Vec<String>,
    /// Lower case; empty means any.
    pub allowed_domains: Vec<String>,
    pub groups_claim: String,
}

#[derive(Debug, Clone)]
pub struct GithubConfig {
    pub client_id: String,
    pub client_secret: Secret,
    /// Lower case.
    pub allowed_orgs: Vec<String>,
    /// `organization/team`, lower case.
    pub allowed_teams: Vec<String>,
    /// Without a slash at its end.
    pub url: Url,
    pub api_url: Url,
}

/// The name of the provider that is GitHub.
pub const GITHUB: &str = "github";

/// Members of a provider's group hold a role. Role and target are checked where they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRole {
    pub provider: String,
    pub group: String,
    pub role: String,
    pub target: String,
}

#[cfg(test)]
mod tests;
