//! Numbers about the allocator and the asynchronous runtime.
//!
//! Dashboards written for Node.js ask for `nodejs_*`. They get what those names mean here: memory held and
//! used by the allocator, and how late the runtime runs a timer.

use super::{
    catalogue::{self, TOKIO_BUSY},
    exposition::{header, sample},
};
use futures_util::future::join_all;
use std::time::Duration;
use tikv_jemalloc_ctl::{epoch, stats};
use tokio::{
    runtime::{Handle, RuntimeMetrics},
    time::{Instant, sleep_until},
};

const LAG_PROBE: Duration = Duration::from_millis(500);

pub(super) fn refresh(runtimes: &[Handle]) {
    if let Some((total, used)) = heap_bytes() {
        metrics::gauge!(catalogue::HEAP_TOTAL).set(total as f64);
        metrics::gauge!(catalogue::HEAP_USED).set(used as f64);
    }
    let sum = |read: fn(&RuntimeMetrics) -> usize| {
        runtimes.iter().map(|runtime| read(&runtime.metrics())).sum::<usize>() as f64
    };
    metrics::gauge!(catalogue::TOKIO_WORKERS).set(sum(RuntimeMetrics::num_workers));
    metrics::gauge!(catalogue::TOKIO_ALIVE_TASKS).set(sum(RuntimeMetrics::num_alive_tasks));
    metrics::gauge!(catalogue::TOKIO_QUEUE_DEPTH).set(sum(RuntimeMetrics::global_queue_depth));
}

pub(super) fn render_busy(out: &mut String, runtimes: &[Handle]) {
    let busy = runtimes.iter().map(|runtime| {
        let metrics = runtime.metrics();
        (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum::<Duration>()
    });
    header(out, TOKIO_BUSY);
    sample(out, TOKIO_BUSY, "", &[], busy.sum::<Duration>().as_secs_f64());
}

/// Bytes the allocator holds and bytes in use. Its numbers stand still until the epoch is advanced.
fn heap_bytes() -> Option<(usize, usize)> {
    epoch::advance().ok()?;
    Some((stats::resident::read().ok()?, stats::allocated::read().ok()?))
}

/// Measures for ever how late a timer fires, where it fires latest.
pub(super) async fn watch_lag(runtimes: impl Fn() -> Vec<Handle>) {
    loop {
        let due = Instant::now() + LAG_PROBE;
        let probes: Vec<_> = runtimes().iter().map(|runtime| runtime.spawn(late(due))).collect();
        sleep_until(due).await;
        // One that ended meanwhile has no timers.
        let lags = join_all(probes).await.into_iter().filter_map(Result::ok);
        metrics::gauge!(catalogue::EVENT_LOOP_LAG).set(lags.max().unwrap_or_default().as_secs_f64());
    }
}

async fn late(due: Instant) -> Duration {
    sleep_until(due).await;
    due.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn a_blocked_runtime_shows_as_lag() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let probe = tokio::spawn(watch_lag(|| vec![Handle::current()]));
                tokio::task::yield_now().await;
                std::thread::sleep(LAG_PROBE + Duration::from_millis(200));
                tokio::time::sleep(Duration::from_millis(50)).await;
                probe.abort();
            });
        });
        let text = handle.render();
        let line = text.lines().find(|line| line.starts_with("nodejs_eventloop_lag_seconds ")).unwrap();
        let lag: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((0.19..5.0).contains(&lag), "{lag}");
    }

    #[test]
    fn the_heap_in_use_is_part_of_the_heap() {
        let (total, used) = heap_bytes().unwrap();
        assert!(used <= total && total > 0, "{used} of {total}");
    }
}
