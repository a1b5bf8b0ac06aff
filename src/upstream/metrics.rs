//! What is counted of a rack. The series that every request touches are looked up once.

use super::UpstreamError;
use crate::audit::ByteCounters;
use http::{Response, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct RackMetrics {
    rack: SharedString,
    answered: Counter,
    duration: Histogram,
}

impl RackMetrics {
    pub fn of(rack: &str) -> Self {
        let rack = SharedString::from(rack.to_owned());
        Self {
            answered: outcome(&rack, "answered"),
            duration: metrics::histogram!("upstream_request_duration_seconds", "rack" => rack.clone()),
            rack,
        }
    }

    /// `elapsed` is the time to the head of the answer.
    pub fn note<B>(&self, answer: &Result<Response<B>, UpstreamError>, elapsed: Duration) {
        self.duration.record(elapsed.as_secs_f64());
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

fn outcome(rack: &SharedString, word: &'static str) -> Counter {
    metrics::counter!("upstream_requests_total", "rack" => rack.clone(), "outcome" => word)
}
