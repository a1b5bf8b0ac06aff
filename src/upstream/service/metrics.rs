//! What is counted of services. Only registered slugs become labels, and not without end.

use http::StatusCode;
use metrics::SharedString;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Slugs beyond these count as `other`.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct ServiceMetrics(Mutex<HashSet<Arc<str>>>);

impl ServiceMetrics {
    /// `elapsed` is the time to the head of the answer, a second try included.
    pub fn answered(&self, slug: &str, status: StatusCode, elapsed: Duration) {
        let (slug, code) = (self.label(slug), SharedString::from(status.as_str().to_owned()));
        metrics::counter!("proxy_upstream_requests_total", "slug" => slug.clone(), "code" => code)
            .increment(1);
        metrics::histogram!("proxy_upstream_duration_seconds", "slug" => slug).record(elapsed.as_secs_f64());
    }

    pub fn retried(&self, slug: &str) {
        metrics::counter!("proxy_upstream_retries_total", "slug" => self.label(slug)).increment(1);
    }

    pub fn ejected(&self, slug: &str) {
        metrics::counter!("proxy_upstream_ejections_total", "slug" => self.label(slug)).increment(1);
    }

    fn label(&self, slug: &str) -> SharedString {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(slug) {
            return SharedString::from(known.clone());
        }
        if known.len() >= MOST {
            return SharedString::const_str("other");
        }
        let slug: Arc<str> = slug.into();
        known.insert(slug.clone());
        SharedString::from(slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_to_an_end() {
        let metrics = ServiceMetrics::default();
        for number in 0..MOST {
            assert_eq!(&*metrics.label(&number.to_string()), number.to_string());
        }
        assert_eq!(&*metrics.label("one-more"), "other");
        assert_eq!(&*metrics.label("0"), "0");
    }
}
