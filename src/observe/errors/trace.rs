//! Performance traces of a sample of the requests.

use super::Reporting;
use rand::RngExt as _;
use sentry::{
    Transaction, TransactionContext,
    protocol::{SpanStatus, Value},
};

/// A sampled request under way. Dropped unfinished, it is not sent.
#[derive(Debug)]
pub struct RequestTrace(Transaction);

/// Begins the trace of a request, when this one is sampled. Only the method and the template of the route are
/// recorded, so there is nothing to scrub.
pub fn trace(method: &'static str, route: &'static str) -> Option<RequestTrace> {
    sentry::with_integration(|reporting: &Reporting, hub| {
        let is_sampled =
            reporting.traces_sample_rate > 0.0 && rand::rng().random::<f32>() < reporting.traces_sample_rate;
        is_sampled.then(|| {
            let mut context = TransactionContext::new(&format!("{method} {route}"), "http.server");
            context.set_sampled(true);
            RequestTrace(hub.start_transaction(context))
        })
    })
}

impl RequestTrace {
    /// Ends the trace with the status that the client was sent.
    pub fn finish(self, status: u16) {
        self.0.set_status(match status {
            0..400 => SpanStatus::Ok,
            401 => SpanStatus::Unauthenticated,
            403 => SpanStatus::PermissionDenied,
            404 => SpanStatus::NotFound,
            429 => SpanStatus::ResourceExhausted,
            400..500 => SpanStatus::InvalidArgument,
            503 => SpanStatus::Unavailable,
            504 => SpanStatus::DeadlineExceeded,
            _ => SpanStatus::InternalError,
        });
        self.0.set_data("http.response.status_code", Value::from(status));
        self.0.finish();
    }
}
