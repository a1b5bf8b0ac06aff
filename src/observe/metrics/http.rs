//! The request hot path: one call updates the counter and the histogram, without locks or allocation.
//!
//! The recorder behind the `metrics` macros keeps every histogram sample until the next upkeep, which at
//! gateway rates means an allocation every 64 requests and a burst of work every few seconds. Fixed buckets
//! of atomics need neither, and the request counter is simply the sum of its histogram.

use super::{
    catalogue::{HTTP_REQUEST_DURATION, HTTP_REQUESTS, HTTP_REQUESTS_IN_FLIGHT, LATENCY_SECONDS},
    exemplars::{Exemplar, Exemplars, Labels},
    exposition::{header, sample},
    grown::GrownMap,
};
use http::{Method, StatusCode};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// More than every route × method × status that occurs; a wrong turn elsewhere cannot fill the memory.
const MAX_SERIES: usize = 20_000;

/// The `method` label. Clients may invent methods; they share one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Connect,
    Trace,
    Other,
}

impl MethodLabel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
            Self::Other => "other",
        }
    }
}

impl From<&Method> for MethodLabel {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            Method::CONNECT => Self::Connect,
            Method::TRACE => Self::Trace,
            _ => Self::Other,
        }
    }
}

type SeriesKey = (&'static str, MethodLabel, u16);

#[derive(Debug, Default)]
struct Series {
    /// One count for each bound and one for everything slower; not cumulative.
    buckets: [AtomicU64; LATENCY_SECONDS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Series {
    fn observe(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let slot = LATENCY_SECONDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(bucket) = self.buckets.get(slot) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_nanos.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

#[derive(Debug, Default)]
struct Inner {
    series: GrownMap<SeriesKey, Arc<Series>>,
    in_flight: AtomicI64,
    exemplars: Exemplars,
}

/// Counts and times requests. Clones share their numbers.
#[derive(Debug, Clone, Default)]
pub struct HttpMetrics(Arc<Inner>);

impl HttpMetrics {
    /// Counts one finished request. `route` is the template (`/api/v1/users/{id}`), never the path itself.
    pub fn record(&self, route: &'static str, method: MethodLabel, status: u16, elapsed: Duration) {
        let key = (route, method, status);
        if self.0.series.read(&key, |series| series.observe(elapsed)).is_none() {
            self.0.series.grow(&key, &Arc::default(), MAX_SERIES);
            self.0.series.read(&key, |series| series.observe(elapsed));
        }
    }

    /// Remembers a traced request, which was recorded with the same labels.
    pub fn exemplify(&self, route: &'static str, method: MethodLabel, status: u16, exemplar: Exemplar) {
        self.0.exemplars.keep((route, method.as_str(), status_label(status)), exemplar);
    }

    pub(super) fn has_exemplars(&self) -> bool {
        !self.0.exemplars.is_empty()
    }

    /// Counts a request as in flight until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(&self.0))
    }

    pub(super) fn render(&self, out: &mut String, shown: Shown) {
        let mut rows: BTreeMap<Labels, Row> = BTreeMap::new();
        for ((route, method, status), series) in self.0.series.snapshot() {
            rows.entry((route, method.as_str(), status_label(status))).or_default().add(&series);
        }
        header(out, HTTP_REQUESTS);
        for ((route, method, status), row) in &rows {
            let labels = [("method", *method), ("route", *route), ("status", status)];
            sample(out, HTTP_REQUESTS, "", &labels, row.buckets.iter().sum::<u64>());
        }
        header(out, HTTP_REQUEST_DURATION);
        for (labels, row) in &rows {
            let exemplars = match shown {
                Shown::Plain => Default::default(),
                Shown::WithExemplars => self.0.exemplars.of(labels),
            };
            row.render_histogram(out, labels, &exemplars);
        }
        header(out, HTTP_REQUESTS_IN_FLIGHT);
        sample(out, HTTP_REQUESTS_IN_FLIGHT, "", &[], self.0.in_flight.load(Relaxed));
    }
}

#[derive(Debug)]
pub struct InFlight(Arc<Inner>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Three digits for every status that has a name. An upstream that makes up statuses shares one label for
/// each class, so that `status=~"5.."` still finds them.
fn status_label(status: u16) -> String {
    let named = StatusCode::from_u16(status).is_ok_and(|code| code.canonical_reason().is_some());
    match status / 100 {
        _ if named => status.to_string(),
        class @ 1..=5 => format!("{class}xx"),
        _ => "other".into(),
    }
}

/// Exemplars stand on a page only if it will be translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Plain,
    WithExemplars,
}

/// One series as it is shown, read once so that counter and histogram agree.
#[derive(Default)]
struct Row {
    buckets: [u64; LATENCY_SECONDS.len() + 1],
    sum_nanos: u64,
}

impl Row {
    fn add(&mut self, series: &Series) {
        for (total, bucket) in self.buckets.iter_mut().zip(&series.buckets) {
            *total += bucket.load(Relaxed);
        }
        self.sum_nanos += series.sum_nanos.load(Relaxed);
    }

    fn render_histogram(
        &self,
        out: &mut String,
        (route, method, status): &Labels,
        exemplars: &[Option<Exemplar>],
    ) {
        let labels = [("method", *method), ("route", *route), ("status_code", status.as_str())];
        let mut below = 0;
        let bounds = LATENCY_SECONDS.iter().map(ToString::to_string).chain(["+Inf".into()]);
        for (slot, (bound, count)) in bounds.zip(&self.buckets).enumerate() {
            below += count;
            let [method, route, status] = labels;
            sample(out, HTTP_REQUEST_DURATION, "_bucket", &[method, route, status, ("le", &bound)], below);
            if let Some(Some(exemplar)) = exemplars.get(slot) {
                out.truncate(out.trim_end().len());
                exemplar.write(out);
                out.push('\n');
            }
        }
        sample(out, HTTP_REQUEST_DURATION, "_sum", &labels, self.sum_nanos as f64 / 1e9);
        sample(out, HTTP_REQUEST_DURATION, "_count", &labels, below);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::exposition::reader, *};
    use crate::core::{RequestId, Timestamp};

    fn page(metrics: &HttpMetrics) -> reader::Exposition {
        let mut out = String::new();
        metrics.render(&mut out, Shown::Plain);
        reader::read(&out)
    }

    #[test]
    fn one_call_feeds_counter_and_histogram() {
        let metrics = HttpMetrics::default();
        for millis in [1, 2, 700, 60_000] {
            metrics.record("/apps/{app}", MethodLabel::Get, 200, Duration::from_millis(millis));
        }
        let page = page(&metrics);
        assert_eq!(page.value(r#"http_requests_total{method="GET",route="/apps/{app}",status="200"}"#), 4.0);
        let labels = r#"method="GET",route="/apps/{app}",status_code="200""#;
        let buckets = ["0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "+Inf"];
        let counts = buckets.map(|le| {
            page.value(&format!("http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}}")) as u64
        });
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 3, 3, 3, 4]);
        assert_eq!(page.value(&format!("http_request_duration_seconds_count{{{labels}}}")), 4.0);
        assert_eq!(page.value(&format!("http_request_duration_seconds_sum{{{labels}}}")), 60.703);
    }

    #[test]
    fn invented_methods_and_statuses_share_labels() {
        let metrics = HttpMetrics::default();
        let invented = MethodLabel::from(&Method::from_bytes(b"BREW").unwrap());
        for status in [599, 598, 503, 999, 700] {
            metrics.record("/", invented, status, Duration::ZERO);
        }
        let page = page(&metrics);
        let count = |status: &str| {
            page.value(&format!(r#"http_requests_total{{method="other",route="/",status="{status}"}}"#))
        };
        assert_eq!([count("5xx"), count("503"), count("other")], [2.0, 1.0, 2.0]);
    }

    #[test]
    fn in_flight_falls_when_the_guard_drops() {
        let metrics = HttpMetrics::default();
        let (first, second) = (metrics.enter(), metrics.enter());
        assert_eq!(page(&metrics).value("http_requests_in_flight"), 2.0);
        drop((first, second));
        assert_eq!(page(&metrics).value("http_requests_in_flight"), 0.0);
    }

    #[test]
    fn a_traced_request_stands_at_its_bucket() {
        let metrics = HttpMetrics::default();
        metrics.record("/apps", MethodLabel::Get, 200, Duration::from_millis(1));
        metrics.record("/apps", MethodLabel::Get, 200, Duration::from_millis(700));
        assert!(!metrics.has_exemplars());
        let at = Timestamp::from_micros(1_700_000_000_250_000);
        let (request_id, trace_id) = (RequestId::new(at), "4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        let exemplar = Exemplar { request_id, trace_id, elapsed: Duration::from_millis(700), at };
        metrics.exemplify("/apps", MethodLabel::Get, 200, exemplar);
        let shown = |shown| {
            let mut out = String::new();
            metrics.render(&mut out, shown);
            out
        };
        assert!(!shown(Shown::Plain).contains("trace_id"));
        let line = format!(
            "http_request_duration_seconds_bucket{{method=\"GET\",route=\"/apps\",status_code=\"200\",le=\"1\"}} 2 # \
             {{request_id=\"{request_id}\",trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"}} 0.7 1700000000.25\n"
        );
        let page = shown(Shown::WithExemplars);
        assert!(page.contains(&line), "{page}");
        assert_eq!(page.matches("trace_id").count(), 1);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let metrics = HttpMetrics::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for status in (0..2_000).map(|n| 200 + n % 5) {
                        metrics.record("/", MethodLabel::Get, status, Duration::from_millis(3));
                    }
                });
            }
        });
        let page = page(&metrics);
        let requests = page.samples.iter().filter(|(series, _)| series.starts_with("http_requests_total"));
        assert_eq!(requests.map(|(_, count)| count).sum::<f64>(), 8_000.0);
    }
}
