//! What a provider publishes about itself, its keys included: asked for when first needed, kept for a while.

use super::super::providers::{Fetch, FetchError, VouchError};
use crate::core::{SharedClock, Timestamp};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, DiscoveryError, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use url::{Host, Url};

/// A key that the provider has withdrawn is believed no longer than this.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// Tokens with unknown keys are free to make, so they cannot make us ask more often than this.
const BETWEEN_REFRESHES: Duration = Duration::from_secs(60);

/// A provider that has just failed is not asked again by everybody who waits.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Extra {
    /// RFC 9207: it says who it is when it sends people back.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What the provider said at one time.
#[derive(Clone)]
pub struct Known {
    metadata: Arc<Metadata>,
    at: Timestamp,
}

impl Known {
    pub fn metadata(&self) -> Metadata {
        Metadata::clone(&self.metadata)
    }

    /// The standard's default is the header; some understand only the body.
    pub fn auth_type(&self) -> AuthType {
        let methods = self.metadata.token_endpoint_auth_methods_supported();
        let takes = |method: &CoreClientAuthMethod| methods.is_some_and(|known| known.contains(method));
        let body_only = takes(&CoreClientAuthMethod::ClientSecretPost)
            && !takes(&CoreClientAuthMethod::ClientSecretBasic);
        if body_only { AuthType::RequestBody } else { AuthType::BasicAuth }
    }

    /// Another provider must not send people back in this one's name.
    pub fn check_sender(&self, issuer: Option<&str>) -> Result<(), VouchError> {
        let must_say = self.metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match issuer {
            Some(issuer) if issuer == self.metadata.issuer().as_str() => Ok(()),
            None if !must_say => Ok(()),
            _ => Err(VouchError::BadToken("another provider sent it")),
        }
    }
}

pub struct Directory {
    issuer: IssuerUrl,
    fetch: Fetch,
    clock: SharedClock,
    /// Held while asking, so that one asks for all who wait.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    failed: Option<(Timestamp, String)>,
}

impl Directory {
    pub fn new(issuer: &str, fetch: Fetch, clock: SharedClock) -> Result<Self, VouchError> {
        let issuer = IssuerUrl::new(issuer.to_owned())
            .map_err(|_| VouchError::Unavailable("the issuer is no URL".into()))?;
        Ok(Self { issuer, fetch, clock, state: Mutex::default() })
    }

    pub async fn known(&self) -> Result<Known, VouchError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(known) = state.known.as_ref().filter(|known| now.since(known.at) < KEPT) {
            return Ok(known.clone());
        }
        self.ask(&mut state).await
    }

    /// What it says now, unless that is what `known` is or it was asked a moment ago.
    pub async fn newer_than(&self, known: &Known) -> Result<Option<Known>, VouchError> {
        let mut state = self.state.lock().await;
        if let Some(newer) = state.known.as_ref().filter(|latest| latest.at > known.at) {
            return Ok(Some(newer.clone()));
        }
        if self.clock.now().since(known.at) < BETWEEN_REFRESHES {
            return Ok(None);
        }
        self.ask(&mut state).await.map(Some)
    }

    async fn ask(&self, state: &mut State) -> Result<Known, VouchError> {
        let now = self.clock.now();
        if let Some((at, why)) = &state.failed
            && now.since(*at) < AFTER_FAILURE
        {
            return Err(VouchError::Unavailable(why.clone()));
        }
        match Box::pin(self.discover()).await {
            Ok(metadata) => {
                let known = Known { metadata: Arc::new(metadata), at: now };
                *state = State { known: Some(known.clone()), failed: None };
                Ok(known)
            }
            Err(why) => {
                state.failed = Some((self.clock.now(), why.clone()));
                Err(VouchError::Unavailable(why))
            }
        }
    }

    async fn discover(&self) -> Result<Metadata, String> {
        let found = Metadata::discover_async(self.issuer.clone(), &self.fetch).await;
        let metadata = found.map_err(|error| reason(&error))?;
        self.check_endpoints(&metadata)?;
        Ok(metadata)
    }

    /// Credentials go to these, so they must be as safe as the issuer.
    fn check_endpoints(&self, metadata: &Metadata) -> Result<(), String> {
        let endpoints = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(|endpoint| endpoint.url()),
            metadata.userinfo_endpoint().map(|endpoint| endpoint.url()),
            Some(metadata.jwks_uri().url()),
        ];
        let is_local = self.issuer.url().scheme() == "http";
        let is_safe = |url: &Url| url.scheme() == "https" || (is_local && is_loopback(url));
        if endpoints.into_iter().flatten().all(is_safe) && metadata.token_endpoint().is_some() {
            return Ok(());
        }
        Err("its endpoints are not https addresses".to_owned())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Quotes nothing that the provider wrote.
fn reason(error: &DiscoveryError<FetchError>) -> String {
    match error {
        DiscoveryError::Request(error) => error.to_string(),
        DiscoveryError::Response(status, ..) => format!("it answered {status}, or not in JSON"),
        DiscoveryError::Parse(_) => "what it publishes cannot be read".to_owned(),
        DiscoveryError::Validation(_) => "it calls itself by another name".to_owned(),
        _ => "it cannot be asked".to_owned(),
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("issuer", &self.issuer.as_str()).finish_non_exhaustive()
    }
}
