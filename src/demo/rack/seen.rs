//! What the rack saw, for tests that compare it with what the gateway allowed.

use crate::core::redact::{REDACTED, is_secret_header};
use http::request::Parts;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

const KEPT: usize = 10_000;

/// One request as it came in. Header names are in lower case; values that are not UTF-8 are shown lossily.
#[derive(Clone, PartialEq, Eq)]
pub struct SeenRequest {
    pub method: String,
    /// The request target as it stood on the request line: not decoded, an empty query (`/apps?`) kept.
    /// Only a `#fragment`, which no client may send, is cut off.
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// Bytes of the body that were read up to now.
    pub body_length: u64,
}

impl SeenRequest {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Prints no credentials, as failed assertions end up in build logs.
impl fmt::Debug for SeenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.target, self.body_length)?;
        for (name, value) in &self.headers {
            write!(f, " | {name}: {}", if is_secret_header(name) { REDACTED } else { value })?;
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct Seen(Mutex<VecDeque<(SeenRequest, Arc<AtomicU64>)>>);

impl Seen {
    /// Remembers a request and returns the counter that its body adds to.
    pub fn remember(&self, parts: &Parts) -> Arc<AtomicU64> {
        let headers = parts.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let request = SeenRequest {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers: headers.collect(),
            body_length: 0,
        };
        let counter = Arc::new(AtomicU64::new(0));
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back((request, counter.clone()));
        counter
    }

    pub fn snapshot(&self) -> Vec<SeenRequest> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let with_length = |(request, counter): &(SeenRequest, Arc<AtomicU64>)| SeenRequest {
            body_length: counter.load(Ordering::SeqCst),
            ..request.clone()
        };
        ring.iter().map(with_length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(target: &str) -> Parts {
        let request = Request::builder().uri(target).header("Authorization", "Basic c2VrcmV0");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn keeps_the_target_raw_and_the_ring_bounded() {
        let seen = Seen::default();
        for _ in 0..KEPT {
            seen.remember(&parts("/old"));
        }
        seen.remember(&parts("/apps/a%2Fb?")).store(7, Ordering::SeqCst);
        let all = seen.snapshot();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all.last().unwrap().target, "/apps/a%2Fb?");
        assert_eq!(all.last().unwrap().body_length, 7);
    }

    #[test]
    fn debug_output_has_no_credentials() {
        let seen = Seen::default();
        seen.remember(&parts("/apps"));
        let request = seen.snapshot().remove(0);
        assert_eq!(request.header("AUTHORIZATION"), Some("Basic c2VrcmV0"));
        assert!(!format!("{request:?}").contains("c2VrcmV0"), "{request:?}");
    }
}
