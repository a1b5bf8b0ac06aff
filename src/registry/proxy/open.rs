//! What the proxy is made of, and that it can be made.

use super::{
    Inner, Proxy,
    client::{Client, Redirects},
    ledger::Ledger,
    login::Login,
};
use crate::{
    core::SharedClock,
    registry::leases::Leases,
    store::Db,
    upstream::{Trust, TrustError},
};
use std::{sync::Arc, time::Duration};
use url::Url;

pub struct Options {
    /// `http` or `https`, with no credential in it; may have a path.
    pub url: Url,
    pub login: Login,
    pub trust: Trust,
    pub redirects: Redirects,
    /// How long the registry behind may be silent.
    pub silence: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the registry behind: {0}")]
    Trust(#[from] TrustError),
    #[error("the registry behind cannot be asked: {0}")]
    Client(#[from] reqwest::Error),
}

const CONNECT: Duration = Duration::from_secs(10);

impl Proxy {
    /// Asks nothing yet: a registry that is down now may be up later.
    pub fn open(options: Options, db: Db, leases: Leases, clock: SharedClock) -> Result<Self, OpenError> {
        let Options { url, login, trust, redirects, silence } = options;
        let clients = [http_client(&trust)?, http_client(&Trust::System)?];
        let client = Client::new(url, login, clients, redirects, silence);
        let ledger = Ledger::new(db, clock);
        Ok(Self(Arc::new(Inner { client, ledger, leases })))
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
        .user_agent(concat!("rack-gateway/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}
