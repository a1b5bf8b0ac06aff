//! Traces, and the task that exports them.

use super::BootError;
use crate::{config::Config, observe::otel::Tracing};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub fn start(
    config: &Config,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<Tracing, BootError> {
    let tracing = Tracing::start(config.otel.as_ref())?;
    tasks.spawn(tracing.clone().keep_exporting(stop.clone()));
    Ok(tracing)
}
