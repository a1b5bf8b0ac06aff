//! What the proxy is made of, and that it can be made.

use super::{
    Inner, Proxy,
    client::{Client, Redirects},
    ledger::Ledger,
    login::Login,
    way::{USER_AGENT, Way},
};
use crate::{
    core::SharedClock,
    registry::leases::Leases,
    store::Db,
    upstream::{OwnService, Trust, TrustError},
};
use std::{sync::Arc, time::Duration};
use url::Url;

pub struct Options {
    pub behind: Behind,
    pub login: Login,
    pub redirects: Redirects,
    /// How long the registry behind may be silent.
    pub silence: Duration,
}

/// Where the registry behind is.
pub enum Behind {
    /// `http` or `https`, with no credential in it; may have a path.
    Address { url: Url, trust: Trust },
    /// A service of the directory, and the path that comes before the protocol's: empty, or `/p`.
    Service { service: Box<OwnService>, path: String },
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the registry behind: {0}")]
    Trust(#[from] TrustError),
    #[error("the registry behind cannot be asked: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the registry behind has no address: {0}")]
    Address(#[from] url::ParseError),
}

/// What paths are joined with where each instance has a host of its own (RFC 2606).
const NOBODY: &str = "http://service.invalid";

const CONNECT: Duration = Duration::from_secs(10);

impl Proxy {
    /// Asks nothing yet: a registry that is down now may be up later.
    pub fn open(options: Options, db: Db, leases: Leases, clock: SharedClock) -> Result<Self, OpenError> {
        let Options { behind, login, redirects, silence } = options;
        let (base, way) = behind.way()?;
        let client = Client { base, login, way, redirects, silence };
        let ledger = Ledger::new(db, clock);
        Ok(Self(Arc::new(Inner { client, ledger, leases })))
    }
}

impl Behind {
    fn way(self) -> Result<(Url, Way), OpenError> {
        match self {
            Self::Address { url, trust } => {
                let (own, other) = (http_client(&trust)?, http_client(&Trust::System)?);
                Ok((url, Way::Address { own, other }))
            }
            Self::Service { service, path } => {
                let mut base = NOBODY.parse::<Url>()?;
                base.set_path(&path);
                Ok((base, Way::Service(service)))
            }
        }
    }
}

/// Redirects are ours to judge, and nothing of the environment leads a request elsewhere.
pub(super) fn http_client(trust: &Trust) -> Result<reqwest::Client, OpenError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trust.client_config()?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT)
        .user_agent(USER_AGENT)
        .build()?;
    Ok(client)
}
