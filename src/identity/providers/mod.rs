//! Those who vouch for people: where they are sent to log in, and what is believed when they come back.

mod error;
mod fetch;

pub use error::VouchError;
pub(super) use fetch::{Fetch, FetchError};

use super::{github::GithubProvider, oidc::OidcProvider};
use crate::{
    config::LoginConfig,
    core::{PublicUrl, Secret, SharedClock},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

/// Where every provider sends people back to.
pub const CALLBACK: &str = "/api/v1/auth/web/callback";

/// Somebody a provider vouches for. All of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// With the subject, who this is. The address may change hands.
    pub issuer: String,
    pub subject: String,
    /// In canonical form; the provider says that it belongs to the person.
    pub email: String,
    /// May be empty.
    pub name: String,
    pub groups: Vec<String>,
}

/// What must be remembered until the person comes back. Of no use without the code that they bring.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Empty for a provider that has none.
    pub nonce: Secret,
    pub verifier: Secret,
}

/// The same in the form in which it is kept.
#[derive(Serialize, Deserialize)]
pub struct StoredPending {
    nonce: String,
    verifier: String,
}

impl Pending {
    pub fn store(&self) -> StoredPending {
        StoredPending { nonce: self.nonce.expose().to_owned(), verifier: self.verifier.expose().to_owned() }
    }
}

impl From<StoredPending> for Pending {
    fn from(stored: StoredPending) -> Self {
        Self { nonce: Secret::new(stored.nonce), verifier: Secret::new(stored.verifier) }
    }
}

/// Somebody is sent to a provider.
#[derive(Debug)]
pub struct Departure {
    pub url: Url,
    pub pending: Pending,
}

/// What the provider sent along when it sent somebody back.
#[derive(Debug)]
pub struct Return {
    pub code: Secret,
    /// Who sends them, where the provider says so.
    pub issuer: Option<String>,
}

#[derive(Debug)]
pub enum Provider {
    Oidc(Box<OidcProvider>),
    Github(Box<GithubProvider>),
}

impl Provider {
    /// The name in the configuration; stands in paths, metrics and grants.
    pub fn id(&self) -> &str {
        match self {
            Self::Oidc(oidc) => oidc.name(),
            Self::Github(_) => crate::config::login::GITHUB,
        }
    }

    pub fn display_name(&self) -> &str {
        match self {
            Self::Oidc(oidc) => oidc.display_name(),
            Self::Github(_) => "GitHub",
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Oidc(_) => "oidc",
            Self::Github(_) => "github",
        }
    }

    /// How a session that begins here is called.
    pub fn method(&self) -> String {
        match self {
            Self::Oidc(oidc) => format!("oidc:{}", oidc.name()),
            Self::Github(_) => self.id().to_owned(),
        }
    }

    /// Where to send somebody who wants to log in. `state` comes back with them.
    pub fn depart<'a>(&'a self, state: &'a Secret) -> BoxFuture<'a, Result<Departure, VouchError>> {
        match self {
            Self::Oidc(oidc) => Box::pin(oidc.depart(state)),
            Self::Github(github) => Box::pin(std::future::ready(Ok(github.depart(state)))),
        }
    }

    /// Who has come back. The code is spent, whatever the answer.
    pub fn vouch<'a>(
        &'a self,
        back: &'a Return,
        pending: &'a Pending,
    ) -> BoxFuture<'a, Result<Vouched, VouchError>> {
        match self {
            Self::Oidc(oidc) => Box::pin(oidc.vouch(back, pending)),
            Self::Github(github) => Box::pin(github.vouch(back, pending)),
        }
    }
}

/// All that are configured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Providers(Arc<[Provider]>);

impl Providers {
    pub fn new(
        config: &LoginConfig,
        public_url: &PublicUrl,
        clock: &SharedClock,
    ) -> Result<Self, VouchError> {
        let back = public_url.join(CALLBACK);
        let mut providers = Vec::new();
        for oidc in &config.oidc {
            let wants_groups = config.group_roles.iter().any(|role| role.provider == oidc.name);
            let oidc = OidcProvider::new(oidc, &back, wants_groups, clock.clone())?;
            providers.push(Provider::Oidc(Box::new(oidc)));
        }
        if let Some(github) = &config.github {
            providers.push(Provider::Github(Box::new(GithubProvider::new(github, &back)?)));
        }
        Ok(Self(providers.into()))
    }

    pub fn get(&self, id: &str) -> Option<&Provider> {
        self.iter().find(|provider| provider.id() == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }
}
