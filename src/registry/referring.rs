//! Lists of the manifests that refer to another one: signatures, attestations, bills of materials.

use super::{
    backend::Body,
    model::{Descriptor, Digest, Manifest, RepositoryName, media_type::OCI_INDEX},
    respond::{OCI_FILTERS_APPLIED, json},
};
use http::{HeaderValue, Response, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::collections::BTreeMap;

/// Descriptors of one answer.
const PAGE: usize = 500;

/// What a list says of a manifest that refers to another.
pub fn descriptor(manifest: &Manifest, digest: &Digest, size: usize) -> Descriptor {
    Descriptor {
        media_type: manifest.media_type.to_owned(),
        digest: digest.clone(),
        size: size as u64,
        artifact_type: manifest.artifact_type.clone(),
        annotations: manifest.annotations.clone(),
    }
}

/// One page of the list, by digest, after the digest that the page before ended with.
pub fn page(
    repository: &RepositoryName,
    subject: &Digest,
    all: BTreeMap<Digest, Descriptor>,
    artifact_type: Option<&str>,
    after: Option<&Digest>,
) -> Response<Body> {
    let wanted = |descriptor: &Descriptor| {
        artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_deref() == Some(wanted))
    };
    let mut page: Vec<_> = all
        .into_values()
        .filter(|descriptor| wanted(descriptor) && after.is_none_or(|after| descriptor.digest > *after))
        .take(PAGE + 1)
        .collect();
    let is_more = page.len() > PAGE;
    page.truncate(PAGE);
    let last = page.last().filter(|_| is_more).map(|last| last.digest.clone());

    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page});
    let mut answer = json(StatusCode::OK, &index);
    if artifact_type.is_some() {
        answer = answer.header(OCI_FILTERS_APPLIED, "artifactType");
    }
    if let Some(last) = last {
        let filter = artifact_type.map(|wanted| utf8_percent_encode(wanted, NON_ALPHANUMERIC).to_string());
        let filter = filter.map_or_else(String::new, |filter| format!("&artifactType={filter}"));
        let next = format!("</v2/{repository}/referrers/{subject}?last={last}{filter}>; rel=\"next\"");
        answer = answer.header(header::LINK, next);
    }
    let mut answer = answer.done();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    answer
}
