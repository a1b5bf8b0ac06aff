//! Why the gateway did not start. Each sentence names the mend.

use crate::{
    config::{ConfigErrors, NO_RACK},
    identity::change::Refused,
    notify::{mail::MailError, webhook::WebhookError},
    observe::{errors::SentryError, log::LogError, metrics::MetricsError, otel::OtelError},
    registry::{embedded::OpenError, proxy::OpenError as ProxyError},
    store::StoreError,
    upstream::{RackError, TrustError},
};
use std::{io, net::SocketAddr, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("{NO_RACK}")]
    NoRack,
    #[error("{0}")]
    Rack(#[from] RackError),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the database is not ready: {0}")]
    Database(#[source] StoreError),
    #[error("the database's schema is older than this version; run `rack-gateway migrate` first")]
    NotMigrated,
    #[error(
        "another rack-gateway uses {0}; an embedded database serves one process, several replicas need PostgreSQL \
         (DATABASE_URL)"
    )]
    Locked(PathBuf),
    #[error("cannot use {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("login: {0}")]
    Login(String),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Sentry(#[from] SentryError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Traces(#[from] OtelError),
    #[error("mail: {0}; look at SMTP_HOST and SMTP_TLS")]
    Mail(#[from] MailError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("the demo's tokens: {0}")]
    Tokens(#[from] Refused),
    #[error("{0}; look at REGISTRY_STORAGE and REGISTRY_DIR")]
    Registry(#[from] OpenError),
    #[error("{0}; look at SERVICE_CA_FILE and SERVICE_TRUST")]
    Services(#[source] TrustError),
    #[error("the artifact registry: {0}; look at ARTIFACT_CA_FILE")]
    Artifact(#[source] TrustError),
    #[error("{0}; look at REGISTRY_UPSTREAM_URL and REGISTRY_UPSTREAM_CA_FILE")]
    RegistryBehind(#[from] ProxyError),
    #[error("stopped, but not every audit record could be written")]
    Unrecorded,
    #[error("the runtime cannot start: {0}")]
    Runtime(#[source] io::Error),
}
