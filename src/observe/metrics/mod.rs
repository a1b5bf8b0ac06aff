//! Prometheus metrics. The catalogue lists every family; `render` is the body of `/metrics`.

pub mod catalogue;
pub mod docs;
mod exemplars;
mod exposition;
mod grown;
mod http;
pub mod openmetrics;
mod process;
mod runtime;
mod tokens;

pub use exemplars::Exemplar;
pub use exposition::CONTENT_TYPE;
pub use http::{HttpMetrics, InFlight, MethodLabel};
pub use tokens::TokenMetrics;

use catalogue::{CATALOGUE, Family, Keeper, Kind};
use http::Shown;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle, time};

/// Histogram samples pile up in the recorder until somebody sorts them into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

static INSTALLED: Mutex<Option<Metrics>> = Mutex::new(None);

#[derive(Debug, thiserror::Error)]
#[error("metrics cannot start: {0}")]
pub struct MetricsError(#[from] BuildError);

/// Clones share one recorder.
#[derive(Debug, Clone)]
pub struct Metrics {
    recorder: PrometheusHandle,
    http: HttpMetrics,
    tokens: TokenMetrics,
    runtimes: Arc<Mutex<Vec<Handle>>>,
}

impl Metrics {
    /// Makes the recorder that the `metrics` macros write to. The process has one: later calls return it.
    pub fn install() -> Result<Self, MetricsError> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = installed.as_ref() {
            return Ok(metrics.clone());
        }
        let metrics = Self {
            recorder: builder()?.install_recorder()?,
            http: HttpMetrics::default(),
            tokens: TokenMetrics::default(),
            runtimes: Arc::default(),
        };
        CATALOGUE.iter().filter(|family| family.keeper == Keeper::Recorder).for_each(introduce);
        metrics::gauge!(catalogue::GATEWAY_BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        *installed = Some(metrics.clone());
        Ok(metrics)
    }

    pub fn http(&self) -> HttpMetrics {
        self.http.clone()
    }

    pub fn tokens(&self) -> TokenMetrics {
        self.tokens.clone()
    }

    /// The text of `/metrics`, with process and runtime numbers as of now.
    pub fn render(&self) -> String {
        self.page(Shown::Plain)
    }

    /// Whether there is anything that only OpenMetrics can tell: requests that were traced.
    pub fn has_exemplars(&self) -> bool {
        self.http.has_exemplars()
    }

    /// As [`Metrics::render`], with exemplars. It and what else is to stand on the page must be translated.
    pub fn render_with_exemplars(&self) -> String {
        self.page(Shown::WithExemplars)
    }

    fn page(&self, shown: Shown) -> String {
        let runtimes = self.runtimes();
        process::refresh();
        runtime::refresh(&runtimes);
        let mut out = self.recorder.render();
        self.http.render(&mut out, shown);
        process::render_cpu(&mut out);
        runtime::render_busy(&mut out, &runtimes);
        exposition::announce_missing(&mut out);
        out
    }

    fn runtimes(&self) -> Vec<Handle> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a runtime to the `tokio_*` sums, and to those of which the latest is the lag.
    pub fn watch(&self, runtime: Handle) {
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        if runtimes.iter().all(|known| known.id() != runtime.id()) {
            runtimes.push(runtime);
        }
    }

    /// Starts the upkeep of the recorder and the measuring of lag on the current runtime, and watches that
    /// runtime. Both end when the task is aborted or the runtime stops.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn_upkeep(&self) -> JoinHandle<()> {
        self.watch(Handle::current());
        let (recorder, metrics) = (self.recorder.clone(), self.clone());
        tokio::spawn(async move {
            let upkeep = async {
                let mut ticks = time::interval(UPKEEP);
                ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    recorder.run_upkeep();
                }
            };
            tokio::join!(upkeep, runtime::watch_lag(|| metrics.runtimes()));
        })
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    CATALOGUE
        .iter()
        .filter(|family| family.kind == Kind::Histogram)
        .try_fold(PrometheusBuilder::new(), |builder, family| {
            builder.set_buckets_for_metric(Matcher::Full(family.name.into()), family.buckets)
        })
}

/// Gives the recorder the help text, and families without labels their one series, so that a counter starts
/// at 0 and its first increment is a rate.
fn introduce(family: &Family) {
    let unlabelled = family.labels.is_empty();
    match family.kind {
        Kind::Counter => {
            metrics::describe_counter!(family.name, family.help);
            unlabelled.then(|| metrics::counter!(family.name).increment(0));
        }
        Kind::Gauge => {
            metrics::describe_gauge!(family.name, family.help);
            unlabelled.then(|| metrics::gauge!(family.name).increment(0.0));
        }
        Kind::Histogram => {
            metrics::describe_histogram!(family.name, family.help);
            unlabelled.then(|| metrics::histogram!(family.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{exposition::reader, *};

    #[tokio::test]
    async fn the_page_parses_and_holds_every_family() {
        let metrics = Metrics::install().unwrap();
        let upkeep = metrics.spawn_upkeep();
        metrics.http().record("/apps/{app}", MethodLabel::Post, 502, Duration::from_millis(12));
        metrics.tokens().record("ci \"main\"\n\\");
        metrics::counter!(catalogue::UPSTREAM_REQUESTS, "rack" => "prod", "outcome" => "ok").increment(3);
        metrics::histogram!(catalogue::UPSTREAM_REQUEST_DURATION, "rack" => "prod", "effect" => "read")
            .record(0.02);
        tokio::task::yield_now().await;

        let text = metrics.render();
        let page = reader::read(&text);
        for family in CATALOGUE {
            assert_eq!(
                page.kinds.get(family.name).map(String::as_str),
                Some(family.kind.as_str()),
                "{}",
                family.name
            );
            assert_eq!(page.help.get(family.name).map(String::as_str), Some(family.help));
        }
        assert_eq!(page.value(r#"upstream_requests_total{rack="prod",outcome="ok"}"#), 3.0);
        assert_eq!(
            page.value(r#"upstream_request_duration_seconds_bucket{rack="prod",effect="read",le="0.05"}"#),
            1.0
        );
        assert_eq!(page.value(r#"gateway_token_requests_total{token="ci \"main\"\n\\"}"#), 1.0);
        assert_eq!(page.value("nodejs_gc_duration_seconds_count"), 0.0);
        assert_eq!(page.value(r#"nodejs_gc_duration_seconds_bucket{le="+Inf"}"#), 0.0);
        upkeep.abort();
    }

    #[tokio::test]
    async fn process_and_runtime_numbers_are_fresh() {
        let metrics = Metrics::install().unwrap();
        metrics.watch(Handle::current());
        let fds = || reader::read(&metrics.render()).value("process_open_fds");
        let before = fds();
        let held: Vec<_> = (0..200).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(fds() > before + 100.0, "other tests close a few, not two hundred");
        drop(held);

        let page = reader::read(&metrics.render());
        for name in [
            "process_resident_memory_bytes",
            "process_max_fds",
            "process_start_time_seconds",
            "process_threads",
            "nodejs_heap_size_total_bytes",
            "tokio_workers",
        ] {
            assert!(page.value(name) > 0.0, "{name}");
        }
        assert!(page.value("process_cpu_seconds_total") > 0.0);
        assert!(page.value("nodejs_heap_size_used_bytes") <= page.value("nodejs_heap_size_total_bytes"));
    }

    #[tokio::test]
    async fn installing_again_gives_the_same_recorder() {
        let first = Metrics::install().unwrap();
        let second = Metrics::install().unwrap();
        metrics::counter!("install_test_total").increment(1);
        assert!(first.render().contains("install_test_total 1\n"));
        assert!(second.render().contains("install_test_total 1\n"));
    }

    #[test]
    fn published_queries_find_their_families() {
        let queries = [
            "process_resident_memory_bytes",
            "process_cpu_user_seconds_total",
            "nodejs_heap_size_used_bytes",
            "nodejs_heap_size_total_bytes",
            "nodejs_eventloop_lag_seconds",
            "http_request_duration_seconds",
            "http_requests_total",
        ];
        assert!(queries.into_iter().all(|name| catalogue::find(name).is_some()));
        assert_eq!(catalogue::find("http_requests_total").unwrap().labels, ["method", "route", "status"]);
        assert_eq!(
            catalogue::find("http_request_duration_seconds").unwrap().labels,
            ["method", "route", "status_code"]
        );
    }
}
