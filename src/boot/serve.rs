//! `rack-gateway serve`: from the configuration to the signal that ends it.

use super::{
    BootError,
    database::{self, Opened},
    gateway::{Gateway, Parts},
    login,
    reload::{Reloader, Source},
};
use crate::{audit::LineSink, config::Config, core::SharedClock, observe::metrics::Metrics};
use tokio::signal::unix::{SignalKind, signal};

/// Serves until SIGTERM or SIGINT, then drains. `Ok` means that everything was recorded. Meanwhile the configuration
/// is read again from `source` when it changes.
pub async fn serve(config: &Config, source: Source, clock: SharedClock) -> Result<(), BootError> {
    let metrics = Metrics::install()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let Opened { db, file, lock } = database::open(&config.database).await?;
    let lines = LineSink::start(std::io::stdout());
    let parts = Parts { db, database_file: file, lines, clock, metrics };
    let mut gateway = Box::pin(Gateway::start(config, parts)).await?;
    let reloader = gateway.take_handles().map(|handles| Reloader::new(config, source, handles));
    announce(config, &gateway);
    if let Some(address) = gateway.first_link() {
        login::announce(address);
    }
    gateway.enrolments().iter().for_each(login::announce_enrolment);
    Box::pin(until_stopped(reloader)).await?;
    let finished = finish(gateway).await;
    drop(lock);
    finished
}

async fn until_stopped(reloader: Option<Reloader>) -> Result<(), BootError> {
    let Some(reloader) = reloader else { return stop_signal().await };
    tokio::select! {
        stopped = stop_signal() => stopped,
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

/// Waits for the signal that ends the process.
pub(super) async fn stop_signal() -> Result<(), BootError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(BootError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(BootError::Runtime)?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping: finishing what runs");
    Ok(())
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
