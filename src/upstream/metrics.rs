//! What is counted of a rack. The series that every request touches are looked up once.

use super::UpstreamError;
use crate::audit::ByteCounters;
use http::{Method, Response, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct RackMetrics {
    rack: SharedString,
    answered: Counter,
    reads: Histogram,
    changes: Histogram,
}

impl RackMetrics {
    pub fn of(rack: &str) -> Self {
        let rack = SharedString::from(rack.to_owned());
        Self {
            answered: outcome(&rack, "answered"),
            reads: duration(&rack, "read"),
            changes: duration(&rack, "change"),
            rack,
        }
    }

    /// `elapsed` is the time to the head of the answer. Uploads and promotions take as long as they take, and are told
    /// apart from what somebody looks at.
    pub fn note<B>(&self, method: &Method, answer: &Result<Response<B>, UpstreamError>, elapsed: Duration) {
        let duration = if method.is_safe() { &self.reads } else { &self.changes };
        duration.record(elapsed.as_secs_f64());
        match answer {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => self.count("credential_refused"),
            Ok(answer) if answer.status().is_server_error() => self.count("server_error"),
            Ok(_) => self.answered.increment(1),
            Err(error) => self.count(error.code()),
        }
    }

    fn count(&self, word: &'static str) {
        outcome(&self.rack, word).increment(1);
    }
}

pub(super) fn byte_counters(rack: &str) -> ByteCounters {
    let counter = |direction: &'static str| metrics::counter!("upstream_bytes_total", "rack" => rack.to_owned(), "direction" => direction);
    ByteCounters { sent: counter("sent"), received: counter("received") }
}

fn duration(rack: &SharedString, effect: &'static str) -> Histogram {
    metrics::histogram!("upstream_request_duration_seconds", "rack" => rack.clone(), "effect" => effect)
}

fn outcome(rack: &SharedString, word: &'static str) -> Counter {
    metrics::counter!("upstream_requests_total", "rack" => rack.clone(), "outcome" => word)
}
