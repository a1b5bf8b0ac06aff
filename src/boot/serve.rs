//! `rack-gateway serve`: from the configuration to the signal that ends it.

use super::{
    BootError,
    database::{self, Opened},
    gateway::{Gateway, Parts},
    login,
    reload::{Reloader, Source},
};
use crate::{audit::LineSink, config::Config, core::SharedClock, net::Lanes, observe::metrics::Metrics};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves until SIGTERM or SIGINT, then drains. `Ok` means that everything was recorded. Meanwhile the configuration
/// is read again from `source` when it changes.
pub async fn serve(
    config: &Config,
    source: Source,
    clock: SharedClock,
    lanes: Lanes,
) -> Result<(), BootError> {
    // Before anything is made or migrated for a gateway that cannot serve.
    if config.racks.is_empty() {
        return Err(BootError::NoRack);
    }
    let metrics = Metrics::install()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let Opened { db, file, lock } = database::open(&config.database).await?;
    let lines = LineSink::start(std::io::stdout());
    let parts = Parts { db, database_file: file, lines, clock, metrics, lanes };
    let mut gateway = Box::pin(Gateway::start(config, parts)).await?;
    let reloader = gateway.take_handles().map(|handles| Reloader::new(config, source, handles));
    // Whoever reads that it serves may stop it at once.
    let stop = StopSignals::listen()?;
    announce(config, &gateway);
    if let Some(address) = gateway.first_link() {
        login::announce(address);
    }
    gateway.enrolments().iter().for_each(login::announce_enrolment);
    Box::pin(until_stopped(stop, reloader)).await?;
    let finished = finish(gateway).await;
    drop(lock);
    finished
}

async fn until_stopped(stop: StopSignals, reloader: Option<Reloader>) -> Result<(), BootError> {
    let Some(reloader) = reloader else {
        stop.one().await;
        return Ok(());
    };
    tokio::select! {
        () = stop.one() => Ok(()),
        failed = reloader.keep_reloading() => failed,
    }
}

fn announce(config: &Config, gateway: &Gateway) {
    let racks: Vec<_> = config.racks.iter().map(|rack| rack.name.as_str()).collect();
    tracing::info!(
        address = %gateway.address(),
        port = gateway.address().port(),
        ops_address = %gateway.ops_address(),
        racks = racks.join(","),
        database = config.database.target.describe(),
        "Server listening"
    );
}

/// The signals that end the process, caught from the moment that this exists.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub fn listen() -> Result<Self, BootError> {
        let caught = |kind| signal(kind).map_err(BootError::Runtime);
        Ok(Self { terminate: caught(SignalKind::terminate())?, interrupt: caught(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub async fn one(mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: finishing what runs");
    }
}

pub(super) async fn finish(gateway: Gateway) -> Result<(), BootError> {
    let stopped = gateway.stop().await;
    if !stopped.recorded {
        tracing::error!(drained = ?stopped.drained, "{}", BootError::Unrecorded);
        return Err(BootError::Unrecorded);
    }
    tracing::info!(drained = ?stopped.drained, "stopped");
    Ok(())
}
