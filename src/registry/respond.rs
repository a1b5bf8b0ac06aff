//! Answers, with the header that every one carries.

use super::{
    backend::{Body, empty},
    error::Problem,
    model::{Digest, Reference, RepositoryName, Tag, if_none_match},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};

pub const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

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

/// What a manifest that was put is answered with, as the OCI distribution specification has it: 201 with where it can
/// be had and its digest ("Pushing Manifests"); with `OCI-Subject`, which promises that the list of referrers is kept
/// here and not by the client ("Pushing Manifests with Subject", since 1.1); and with one `OCI-Tag` for each of `tags`,
/// those that the query named besides the reference (end-7b, newer than 1.1).
pub fn manifest_created(
    repository: &RepositoryName,
    digest: &Digest,
    subject: Option<&Digest>,
    tags: &[Tag],
) -> Response<Body> {
    let mut answer = Answer::new(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{repository}/manifests/{digest}"))
        .header(CONTENT_DIGEST, digest.to_string());
    if let Some(subject) = subject {
        answer = answer.header(OCI_SUBJECT, subject.to_string());
    }
    for tag in tags {
        answer = answer.header(OCI_TAG, tag.as_str());
    }
    answer.length(0).done()
}

/// What a manifest that was asked for is answered with, still without body and length: 304 when the client has it, else
/// 200 (RFC 9110 §13.1.2, §15.4.5), with its type and digest ("Pulling manifests" of the OCI distribution
/// specification). A tag may name another manifest at any moment, a digest never does.
pub fn manifest_described(
    reference: &Reference,
    digest: &Digest,
    media_type: &str,
    asked: &HeaderMap,
) -> (StatusCode, Answer) {
    let freshness = match reference {
        Reference::Tag(_) => "private, no-cache",
        Reference::Digest(_) => "private, max-age=31536000",
    };
    let status = if if_none_match(asked, digest) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let answer = Answer::new(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(CONTENT_DIGEST, digest.to_string())
        .header(header::ETAG, format!("\"{digest}\""))
        .header(header::CACHE_CONTROL, freshness);
    (status, answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::model::Algorithm;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::default(), text.as_bytes())
    }

    fn values(answer: &Response<Body>, name: HeaderName) -> Vec<&str> {
        answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn what_was_put_is_told_with_its_place_its_subject_and_each_tag_of_the_query() {
        let repository: RepositoryName = "team/app".parse().unwrap();
        let (manifest, subject) = (digest("manifest"), digest("subject"));
        let tags = ["a", "b"].map(|tag| tag.parse::<Tag>().unwrap());

        let answer = manifest_created(&repository, &manifest, Some(&subject), &tags);
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(values(&answer, header::LOCATION), [format!("/v2/team/app/manifests/{manifest}")]);
        assert_eq!(values(&answer, CONTENT_DIGEST), [manifest.to_string()]);
        assert_eq!(values(&answer, OCI_SUBJECT), [subject.to_string()]);
        assert_eq!(values(&answer, OCI_TAG), ["a", "b"]);
        assert_eq!(values(&answer, header::CONTENT_LENGTH), ["0"]);

        let plain = manifest_created(&repository, &manifest, None, &[]);
        assert!(values(&plain, OCI_SUBJECT).is_empty() && values(&plain, OCI_TAG).is_empty());
    }

    #[test]
    fn what_is_asked_for_by_tag_is_asked_for_again_and_by_digest_is_kept() {
        let manifest = digest("manifest");
        let by_tag = Reference::Tag("v1".parse().unwrap());
        let by_digest = Reference::Digest(manifest.clone());
        let etag = format!("\"{manifest}\"");
        let nothing = HeaderMap::new();
        let mut has_it = HeaderMap::new();
        has_it.insert(header::IF_NONE_MATCH, HeaderValue::from_str(&etag).unwrap());

        for (reference, asked, status, freshness) in [
            (&by_tag, &nothing, StatusCode::OK, "private, no-cache"),
            (&by_tag, &has_it, StatusCode::NOT_MODIFIED, "private, no-cache"),
            (&by_digest, &nothing, StatusCode::OK, "private, max-age=31536000"),
            (&by_digest, &has_it, StatusCode::NOT_MODIFIED, "private, max-age=31536000"),
        ] {
            let (said, answer) = manifest_described(reference, &manifest, "text/plain", asked);
            let answer = answer.done();
            assert_eq!((said, answer.status()), (status, status));
            assert_eq!(values(&answer, header::CONTENT_TYPE), ["text/plain"]);
            assert_eq!(values(&answer, CONTENT_DIGEST), [manifest.to_string()]);
            assert_eq!(values(&answer, header::ETAG), [etag.as_str()]);
            assert_eq!(values(&answer, header::CACHE_CONTROL), [freshness]);
        }
    }
}
