//! Requests for each API token. Token names are chosen by users, so their number is bounded here.

use super::{catalogue::GATEWAY_TOKEN_REQUESTS, grown::GrownMap};
use metrics::Counter;
use std::sync::Arc;

const MAX_TOKENS: usize = 1_000;
const OTHER: &str = "other";

#[derive(Debug, Clone, Default)]
pub struct TokenMetrics(Arc<GrownMap<Arc<str>, Arc<Counter>>>);

impl TokenMetrics {
    /// Counts one request made with the token called `name`. From the 1001st name on, all count as `other`.
    pub fn record(&self, name: &str) {
        if self.0.read(name, |counter| counter.increment(1)).is_some() {
            return;
        }
        if self.0.is_full(MAX_TOKENS) {
            metrics::counter!(GATEWAY_TOKEN_REQUESTS, "token" => OTHER).increment(1);
            return;
        }
        let counter = metrics::counter!(GATEWAY_TOKEN_REQUESTS, "token" => name.to_owned());
        counter.increment(1);
        self.0.grow(&Arc::from(name), &Arc::new(counter), MAX_TOKENS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn names_beyond_the_limit_count_as_other() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            let tokens = TokenMetrics::default();
            (0..MAX_TOKENS + 50).for_each(|n| tokens.record(&format!("token-{n}")));
            tokens.record("token-7");
            recorder.handle().render()
        });
        let series = text.lines().filter(|line| line.starts_with("gateway_token_requests_total{"));
        assert_eq!(series.count(), MAX_TOKENS + 1);
        assert!(text.contains("{token=\"token-7\"} 2\n"));
        assert!(text.contains("{token=\"other\"} 50\n"));
    }
}
