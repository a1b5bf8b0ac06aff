//! A second copy of a request that may be sent twice: one without a body, whose method changes nothing more when it is
//! carried out again (RFC 9110 §9.2.2).

use super::ServiceError;
use crate::upstream::OutgoingBody;
use http::{HeaderMap, Method, Request, Uri, header::UPGRADE};

#[derive(Debug)]
pub(super) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    pub fn of(request: &Request<OutgoingBody>) -> Option<Self> {
        let has_no_body = matches!(request.body(), OutgoingBody::Empty);
        let is_repeatable = request.method().is_idempotent() && !request.headers().contains_key(UPGRADE);
        (has_no_body && is_repeatable).then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    /// To be sent after this: when nothing was sent, or when what was asked changes nothing anyway.
    pub fn after(self, error: &ServiceError) -> Option<Request<OutgoingBody>> {
        let may_go = match error {
            ServiceError::Unreachable(_) => true,
            ServiceError::Broken(_) => self.method.is_safe(),
            _ => false,
        };
        may_go.then(|| self.into_request())
    }

    fn into_request(self) -> Request<OutgoingBody> {
        let mut request = Request::new(OutgoingBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn has_spare(method: &str, body: OutgoingBody, upgrade: bool) -> bool {
        let mut request = Request::builder().method(method).uri("/x?y").body(body).unwrap();
        if upgrade {
            request.headers_mut().insert(UPGRADE, "websocket".parse().unwrap());
        }
        Spare::of(&request).is_some()
    }

    #[test]
    fn only_what_may_be_done_twice() {
        for (method, expected) in [
            ("GET", true),
            ("HEAD", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", false),
            ("PATCH", false),
            ("BREW", false),
        ] {
            assert_eq!(has_spare(method, OutgoingBody::Empty, false), expected, "{method}");
            assert!(!has_spare(method, OutgoingBody::Form(Some("a".into())), false), "{method}");
        }
        assert!(!has_spare("GET", OutgoingBody::Empty, true), "a websocket");
        let again = |method: &str, error: ServiceError| {
            let request = Request::builder().method(method).uri("/").body(OutgoingBody::Empty).unwrap();
            Spare::of(&request).unwrap().after(&error).is_some()
        };
        let refused = || ServiceError::Unreachable(std::io::ErrorKind::ConnectionRefused.into());
        assert!(again("GET", refused()) && again("DELETE", refused()));
        assert!(
            !again("GET", ServiceError::NoneLive) && !again("GET", ServiceError::TimedOut(Duration::ZERO))
        );
    }
}
