//! Reading the configuration again while the gateway serves. What is good and may change is put in force at once,
//! what needs a restart is named, and what is bad changes nothing. No connection is closed by any of it.

use super::{
    BootError,
    changeable::{self, Handles},
    process, racks, tls,
};
use crate::{
    audit::OwnAct,
    config::{Changes, Config, ConfigErrors, Env},
    http::FrontSettings,
    observe::{log, metrics::catalogue},
};
use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// How a new certificate is called beside the names of settings.
const CERTIFICATE: &str = "certificate";

/// Where the configuration comes from.
#[derive(Clone)]
pub struct Source {
    pub env: Arc<dyn Env + Send + Sync>,
    pub file: Option<PathBuf>,
}

impl Source {
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&*self.env, self.file.as_deref())
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    Unchanged,
    /// These are in force now.
    Applied(Vec<String>),
    /// Nothing has changed.
    Refused(String),
}

impl Reloaded {
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Applied(_) => "applied",
            Self::Refused(_) => "refused",
        }
    }
}

#[derive(Debug)]
pub struct Reloader {
    source: Source,
    handles: Handles,
    /// What the process began with: settings that need a restart are compared with it.
    began: Config,
    /// What is in force of the rest.
    current: Config,
    /// What was last said to need a restart.
    pending: Vec<String>,
}

impl Reloader {
    pub fn new(config: &Config, source: Source, handles: Handles) -> Self {
        let reloader =
            Self { source, handles, began: config.clone(), current: config.clone(), pending: Vec::new() };
        reloader.note_success();
        reloader
    }

    /// Reloads at each SIGHUP, and when a file has changed. Never ends.
    pub async fn keep_reloading(mut self) -> Result<(), BootError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(BootError::Runtime)?;
        let mut seen = self.stamps();
        loop {
            tokio::select! {
                _ = hangup.recv() => tracing::info!(signal = "SIGHUP", "reading the configuration again"),
                () = pause(self.began.server.reload_interval) => {
                    let now = self.stamps();
                    if now == seen {
                        continue;
                    }
                    tracing::info!("a file of the configuration has changed; reading it again");
                }
            }
            // Taken before the files are read: what changes meanwhile is read once more.
            seen = self.stamps();
            self.reload().await;
        }
    }

    /// Reads certificate and configuration again.
    pub async fn reload(&mut self) -> Reloaded {
        let reloaded = Box::pin(self.reload_config()).await;
        let certificate = Box::pin(self.reload_certificate()).await;
        metrics::counter!(catalogue::CONFIG_RELOADS, "outcome" => reloaded.outcome()).increment(1);
        let good = certificate.is_ok() && !matches!(reloaded, Reloaded::Refused(_));
        metrics::gauge!(catalogue::CONFIG_RELOAD_SUCCESSFUL).set(if good { 1.0 } else { 0.0 });
        if good {
            self.note_success();
        }
        match (reloaded, certificate) {
            (reloaded @ Reloaded::Refused(_), _) | (reloaded, Ok(false)) => reloaded,
            (Reloaded::Applied(mut names), Ok(true)) => {
                names.push(CERTIFICATE.to_owned());
                Reloaded::Applied(names)
            }
            (Reloaded::Unchanged, Ok(true)) => Reloaded::Applied(vec![CERTIFICATE.to_owned()]),
            (_, Err(why)) => Reloaded::Refused(why),
        }
    }

    async fn reload_config(&mut self) -> Reloaded {
        let config = match self.source.load() {
            Ok(config) => config,
            Err(errors) => return refused(errors.to_string()),
        };
        let live = config.changes_from(&self.current).live;
        let Changes { mut at_restart, .. } = config.changes_from(&self.began);
        let (live, out_of_reach): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|name| self.is_within_reach(name, &config));
        at_restart.extend(out_of_reach);
        self.name_pending(at_restart);
        if live.is_empty() {
            return Reloaded::Unchanged;
        }
        match self.apply(&config, &live).await {
            Ok(()) => {
                tracing::info!(settings = live.join(","), "the configuration has changed and is in force");
                self.current = config;
                Reloaded::Applied(live)
            }
            Err(why) => refused(why),
        }
    }

    /// Everything that may fail comes first, then the record, then the change.
    async fn apply(&self, config: &Config, live: &[String]) -> Result<(), String> {
        let handles = &self.handles;
        let (default, others) = racks::changed(config, &self.current, &handles.racks, &handles.reach)
            .map_err(|error| error.to_string())?;
        self.record("config.reload", "the configuration", live.join(", ")).await?;
        handles.racks.replace(default, others);
        handles.rack_names.set(racks::names(config));
        handles.pipeline.set(changeable::pipeline(config));
        // Under which names we are called belongs to the public address, which needs a restart.
        let hosts = handles.front.take().hosts.clone();
        handles.front.set(FrontSettings { hosts, ..changeable::front(config) });
        handles.limiter.allow(config.limits.rate_limit_per_minute);
        log::set_level(process::log_level(config));
        Ok(())
    }

    /// True when another is shown from now on.
    async fn reload_certificate(&self) -> Result<bool, String> {
        let (Some(certificate), Some(files)) = (&self.handles.certificate, &self.current.server.tls) else {
            return Ok(false);
        };
        let count = |outcome: &'static str| {
            metrics::counter!(catalogue::TLS_CERTIFICATE_RELOADS, "outcome" => outcome).increment(1);
        };
        match certificate.reload(tls::files(files), self.handles.clock.now()) {
            Ok(false) => Ok(false),
            Ok(true) => {
                count("replaced");
                let expires_at = certificate.expires_at();
                tracing::info!(file = %files.cert.display(), %expires_at, "showing a new certificate");
                let detail = format!("expires at {expires_at}");
                // It is shown already: clients must not be kept on an old one by a database that is away.
                let resource = files.cert.display().to_string();
                let _ = self.record("certificate.replace", &resource, detail).await;
                Ok(true)
            }
            Err(error) => {
                count("refused");
                tracing::error!("TLS: {error}; the certificate from before is still shown");
                Err(error.to_string())
            }
        }
    }

    /// Whether a listener speaks TLS stays as it was at the start; its certificate may lie elsewhere.
    fn is_within_reach(&self, name: &str, config: &Config) -> bool {
        !name.starts_with("TLS_") || (self.handles.certificate.is_some() && config.server.tls.is_some())
    }

    fn name_pending(&mut self, at_restart: Vec<String>) {
        metrics::gauge!(catalogue::CONFIG_RELOAD_RESTART_PENDING).set(at_restart.len() as f64);
        if at_restart != self.pending && !at_restart.is_empty() {
            tracing::warn!(settings = at_restart.join(","), "these settings have changed and need a restart");
        }
        self.pending = at_restart;
    }

    async fn record(&self, action: &'static str, resource: &str, detail: String) -> Result<(), String> {
        let at = self.handles.clock.now();
        let (resource, resource_type) = (resource.to_owned(), "config");
        let act = OwnAct { at, action, resource, resource_type, detail };
        self.handles.audit.record_own(&act).await.map_err(|error| error.to_string())
    }

    fn note_success(&self) {
        let now = self.handles.clock.now().as_micros() as f64 / 1e6;
        metrics::gauge!(catalogue::CONFIG_RELOAD_SUCCESS_TIME).set(now);
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        self.current.files().into_iter().map(stamp).collect()
    }
}

/// What differs when a file was written, or a link to it was turned.
type Stamp = (u64, u64, u64, i64, i64, i64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    let file = path.metadata().ok()?;
    let times = (file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec());
    Some((file.dev(), file.ino(), file.size(), times.0, times.1, times.2, times.3))
}

fn refused(why: String) -> Reloaded {
    tracing::error!("the new configuration is not used, the one from before still is: {why}");
    Reloaded::Refused(why)
}

async fn pause(interval: Option<Duration>) {
    match interval {
        Some(interval) => tokio::time::sleep(interval).await,
        None => std::future::pending().await,
    }
}
