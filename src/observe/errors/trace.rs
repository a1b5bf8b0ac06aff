//! Performance traces of a sample of the requests.

use super::Reporting;
use crate::core::RequestId;
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
pub fn trace() -> Option<RequestTrace> {
    sentry::with_integration(|reporting: &Reporting, hub| {
        let is_sampled =
            reporting.traces_sample_rate > 0.0 && rand::rng().random::<f32>() < reporting.traces_sample_rate;
        is_sampled.then(|| {
            let mut context = TransactionContext::new("request", "http.server");
            context.set_sampled(true);
            RequestTrace(hub.start_transaction(context))
        })
    })
}

impl RequestTrace {
    /// Ends the trace with what was asked and the status that the client was sent.
    pub fn finish(self, method: &str, route: &str, status: u16, request_id: RequestId) {
        self.0.set_name(&format!("{method} {route}"));
        self.0.set_data("request_id", Value::from(request_id.to_string()));
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
