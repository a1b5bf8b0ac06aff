//! What a process needs once, before any thread is started: the crypto provider, the log, error reports.

use super::BootError;
use crate::{
    config::Config,
    core::{SharedClock, SystemClock},
    net::{LaneThreads, Lanes},
    observe::{
        errors::{self, Crumbs, SentryGuard, SentryOptions},
        log::{self, LogOptions},
    },
};
use std::{io, num::NonZeroUsize, sync::Arc, thread::available_parallelism};
use tokio::runtime::{Builder, Runtime};

/// Kept until the process ends.
pub struct Prepared {
    /// Starts, stops, and does what belongs to no request.
    pub runtime: Runtime,
    /// Where requests are served. There are none when one thread is to do everything.
    pub lanes: Lanes,
    /// Ends the lanes when it is dropped.
    pub threads: LaneThreads,
    pub clock: SharedClock,
    /// Sends what is queued when it is dropped.
    pub reports: SentryGuard,
}

pub fn prepare(config: &Config) -> Result<Prepared, BootError> {
    // An error means that a provider is installed already, which can only be this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let clock: SharedClock = Arc::new(SystemClock);
    let crumbs = Crumbs::default();
    let remembered = config.sentry.dsn.is_some().then(|| crumbs.clone());
    log::init(LogOptions { crumbs: remembered, ..log_options(config, clock.clone()) })?;
    let reports = errors::init(SentryOptions {
        dsn: config.sentry.dsn.clone(),
        environment: config.sentry.environment.clone(),
        release: config.sentry.release.clone(),
        traces_sample_rate: config.sentry.traces_sample_rate,
        crumbs,
    })?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(BootError::Runtime)?;
    let (lanes, threads) = lanes(config.server.worker_threads).map_err(BootError::Runtime)?;
    tracing::debug!(started = %clock.now(), "prepared");
    Ok(Prepared { runtime, lanes, threads, clock, reports })
}

pub(super) const fn log_level(config: &Config) -> log::Level {
    use crate::config::LogLevel;
    match config.log.level {
        LogLevel::Trace => log::Level::Trace,
        LogLevel::Debug => log::Level::Debug,
        LogLevel::Info => log::Level::Info,
        LogLevel::Warn => log::Level::Warn,
        LogLevel::Error => log::Level::Error,
        LogLevel::Fatal => log::Level::Fatal,
    }
}

fn log_options(config: &Config, clock: SharedClock) -> LogOptions {
    use crate::config::LogFormat;
    LogOptions {
        level: log_level(config),
        format: match config.log.format {
            LogFormat::Text => log::Format::Text,
            LogFormat::Json => log::Format::Json,
            LogFormat::Pretty => log::Format::Pretty,
        },
        headers: if config.log.unsafe_headers { log::Headers::Shown } else { log::Headers::Redacted },
        clock,
        crumbs: None,
    }
}

/// One thread that serves may as well do the rest: then there are no lanes.
fn lanes(workers: Option<NonZeroUsize>) -> io::Result<(Lanes, LaneThreads)> {
    let workers = workers.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    Lanes::start(if workers > 1 { workers } else { 0 })
}
