//! The container registry, when the configuration asks for one.

use super::{
    BootError,
    services::{self, Reach},
};
use crate::{
    config::{Config, RegistryLogin, RegistryPlace, RegistryUpstream},
    core::SharedClock,
    gateway::registry::Tickets,
    identity::AccessCache,
    policy::{Permission, Public},
    registry::{
        Backend, Embedded, Leases, Observed, Proxy, ReadOnly, Ruled, Rules,
        embedded::{Collection, Options},
        proxy::{self, Behind, Login, OpenError, Redirects, Scrape, Signer},
    },
    store::Db,
    upstream::{OwnService, SERVICE, Trust, TrustError},
};
use arc_swap::ArcSwap;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

pub struct Registry {
    pub backend: Arc<dyn Backend>,
    upkeep: Upkeep,
}

/// What is done beside answering.
enum Upkeep {
    Embedded { embedded: Embedded, collection: Option<(Duration, Collection)> },
    Proxy { proxy: Proxy, scrape: Option<Scrape>, upload_lease: Duration },
}

/// How often uploads are looked for that nobody goes on with.
const SWEEP: Duration = Duration::from_secs(600);

pub async fn registry(
    config: &Config,
    access: &Arc<AccessCache>,
    db: &Db,
    clock: &SharedClock,
    reach: &Reach,
) -> Result<Option<Registry>, BootError> {
    let access = access.clone();
    let read_only =
        ReadOnly::new(&config.registry.read_only_message, move || access.settings().registry_read_only);
    let leases = Leases::new(db.clone(), clock.clone());
    let mut rules = Rules::of(&config.registry, read_only);
    if leases.are_shared() {
        rules.quotas = rules.quotas.shared(db.clone());
    }
    let garbage = &config.registry.garbage;
    if let RegistryPlace::Upstream(upstream) = &config.registry.place {
        let options = options(config, upstream, clock, reach)?;
        let proxy = Proxy::open(options, db.clone(), leases, clock.clone())?;
        let scrape =
            upstream.metrics_url.clone().map(|url| Scrape::new(url, &trust(upstream))).transpose()?;
        let backend = Arc::new(Observed::new(Ruled::new(proxy.clone(), rules)));
        let upkeep = Upkeep::Proxy { proxy, scrape, upload_lease: garbage.upload_lease };
        return Ok(Some(Registry { backend, upkeep }));
    }
    let Some(options) = Options::of(&config.registry, leases) else { return Ok(None) };
    let embedded = Embedded::open(options, clock.clone()).await?;
    let collection = garbage.interval.map(|interval| (interval, Collection::from(garbage)));
    let backend = Arc::new(Observed::new(Ruled::new(embedded.clone(), rules)));
    Ok(Some(Registry { backend, upkeep: Upkeep::Embedded { embedded, collection } }))
}

fn options(
    config: &Config,
    upstream: &RegistryUpstream,
    clock: &SharedClock,
    reach: &Reach,
) -> Result<proxy::Options, BootError> {
    let login = match &upstream.login {
        RegistryLogin::None => Login::None,
        RegistryLogin::Password(user, password) => Login::basic(user, password),
        RegistryLogin::Key { seed, issuer, audience } => {
            let signer = Signer::new(seed, issuer, audience, clock.clone());
            tracing::info!(jwks = %signer.jwks(), "the registry behind is to trust this key");
            Login::Signed(signer)
        }
    };
    let redirects = if upstream.follows_redirects { Redirects::Follow } else { Redirects::Pass };
    let behind = behind(config, upstream, reach).map_err(OpenError::from)?;
    Ok(proxy::Options { behind, login, redirects, silence: upstream.timeout })
}

fn behind(config: &Config, upstream: &RegistryUpstream, reach: &Reach) -> Result<Behind, TrustError> {
    let (url, trust) = (&upstream.url, trust(upstream));
    if url.scheme() != SERVICE {
        return Ok(Behind::Address { url: url.clone(), trust });
    }
    // An upload that still moves is not silence, which only the proxy can tell.
    let services = services::behind(config, &trust, Duration::MAX, reach)?;
    let elsewhere = Arc::new(Trust::System.client_config()?);
    let service = OwnService::new(url.host_str().unwrap_or_default(), services, elsewhere);
    Ok(Behind::Service { service: Box::new(service), path: url.path().to_owned() })
}

fn trust(upstream: &RegistryUpstream) -> Trust {
    upstream.authorities.clone().map_or(Trust::System, Trust::Authority)
}

impl Registry {
    /// The metrics of the registry behind, when they are looked at.
    pub fn foreign_metrics(&self) -> Option<Arc<ArcSwap<String>>> {
        match &self.upkeep {
            Upkeep::Proxy { scrape, .. } => scrape.as_ref().map(Scrape::text),
            Upkeep::Embedded { .. } => None,
        }
    }

    /// Does what is to be done beside answering, until `stop`.
    pub async fn keep_clean(self, stop: CancellationToken) {
        stop.run_until_cancelled(Box::pin(self.upkeep.keep_doing())).await;
    }
}

impl Upkeep {
    async fn keep_doing(self) {
        match self {
            Self::Embedded { embedded, collection: Some((interval, collection)) } => {
                embedded.keep_collecting(interval, &collection).await;
            }
            Self::Embedded { collection: None, .. } => {}
            Self::Proxy { proxy, scrape, upload_lease } => {
                let sweeping = async {
                    loop {
                        tokio::time::sleep(SWEEP).await;
                        if let Err(problem) = proxy.forget_uploads(upload_lease).await {
                            tracing::error!(problem = %problem.message, "uploads that rest were not forgotten");
                        }
                    }
                };
                let looking = async {
                    match scrape {
                        Some(scrape) => scrape.keep_looking().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::join!(sweeping, looking);
            }
        }
    }
}

/// Repositories that anybody may pull from.
pub fn public(config: &Config) -> Public {
    let patterns = config.registry.public.iter().filter_map(|pattern| format!("repo:{pattern}").parse().ok());
    Public::new([Permission::RepoPull, Permission::CatalogList], patterns)
}

/// Tickets of one replica are shown to others, so they are signed with the key that all share. Without one, each
/// process makes its own, and clients ask again when they meet another.
pub fn tickets(config: &Config, clock: &SharedClock) -> Tickets {
    match &config.identity.app_secret_key {
        Some(key) => Tickets::new(key.expose().as_bytes(), clock.clone()),
        None => Tickets::new(&rand::random::<[u8; 32]>(), clock.clone()),
    }
}
