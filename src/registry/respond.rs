//! Answers, with the header that every one carries.

use super::{
    backend::{Body, empty},
    error::Problem,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};

pub const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
pub const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// An answer under construction.
#[derive(Debug)]
pub struct Answer(Response<Body>);

impl Answer {
    pub fn new(status: StatusCode) -> Self {
        let mut response = Response::new(empty());
        *response.status_mut() = status;
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        Self(response)
    }

    /// A value that cannot stand in a header is left out; all of ours can.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    #[must_use]
    pub fn length(self, length: u64) -> Self {
        self.header(header::CONTENT_LENGTH, length.to_string())
    }

    pub fn body(mut self, body: Body) -> Response<Body> {
        *self.0.body_mut() = body;
        self.0
    }

    /// With its length, also when it is nothing.
    pub fn whole(self, bytes: impl Into<Bytes>) -> Response<Body> {
        let bytes = bytes.into();
        self.length(bytes.len() as u64).body(full(bytes))
    }

    /// No body. The length that was given, if any, is that of the body a `GET` would have.
    pub fn done(self) -> Response<Body> {
        self.0
    }
}

pub fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub fn json(status: StatusCode, document: &serde_json::Value) -> Answer {
    Answer::new(status).header(header::CONTENT_TYPE, "application/json").body_is(document)
}

impl Answer {
    fn body_is(self, document: &serde_json::Value) -> Self {
        let bytes = Bytes::from(document.to_string());
        let mut answer = self.length(bytes.len() as u64);
        *answer.0.body_mut() = full(bytes);
        answer
    }
}

pub fn problem(problem: &Problem) -> Response<Body> {
    let mut answer = json(problem.status, &problem.document()).header(header::CACHE_CONTROL, "no-store");
    for (name, value) in problem.headers.iter().cloned() {
        answer.0.headers_mut().insert(name, value);
    }
    answer.done()
}
