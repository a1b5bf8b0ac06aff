//! From method, raw path and query to an operation. Names of repositories may contain `blobs`, `uploads` or `tags`,
//! so a path is read from its right end.

use super::{
    digest::{Algorithm, Digest},
    name::RepositoryName,
    operation::{Mount, Operation, Start},
    query::Query,
};
use crate::{
    core::id::UploadId,
    registry::error::{ErrorCode, Problem},
};
use http::{Method, StatusCode, header::ALLOW};
use std::borrow::Cow;

/// Reads a request's target. `path` is raw, as it came: a path that a server behind could read differently (encoded
/// separators, dot segments, empty segments) is refused, and none is repaired.
pub fn parse(method: &Method, path: &str, query: &str) -> Result<Operation, Problem> {
    let rest = match path {
        "/v2" => "",
        path => path.strip_prefix("/v2/").ok_or_else(no_route)?,
    };
    let segments = segments(rest)?;
    let query = Query::parse(query)?;
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match segments.as_slice() {
        [""] => only(method, &[Method::GET, Method::HEAD]).map(|()| Operation::Ping),
        ["_catalog"] => {
            only(method, &[Method::GET, Method::HEAD])?;
            Ok(Operation::Catalog { page: query.page()? })
        }
        [name @ .., "tags", "list"] if !name.is_empty() => {
            let repository = repository(name)?;
            only(method, &[Method::GET, Method::HEAD])?;
            Ok(Operation::Tags { repository, page: query.page()? })
        }
        [name @ .., "manifests", reference] if !name.is_empty() => manifest(method, name, reference, &query),
        [name @ .., "referrers", digest] if !name.is_empty() => referrers(method, name, digest, &query),
        [name @ .., "blobs", "uploads", ""] if !name.is_empty() => upload_start(method, name, &query),
        [name @ .., "blobs", "uploads"] if !name.is_empty() && *method == Method::POST => {
            upload_start(method, name, &query)
        }
        [name @ .., "blobs", "uploads", upload] if !name.is_empty() => {
            self::upload(method, name, upload, &query)
        }
        [name @ .., "blobs", digest] if !name.is_empty() => blob(method, name, digest),
        _ => Err(no_route()),
    }
}

fn segments(rest: &str) -> Result<Vec<Cow<'_, str>>, Problem> {
    let mut segments = Vec::new();
    let mut raw = rest.split('/').peekable();
    while let Some(segment) = raw.next() {
        let is_last = raw.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !is_last) {
            return Err(Problem::new(ErrorCode::NameInvalid, "the path has an empty or dotted part"));
        }
        segments.push(decoded(segment)?);
    }
    Ok(segments)
}

/// The colon of a digest is all that anybody encodes; whatever else is encoded could hide a separator.
fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let decoded = segment.replace("%3A", ":").replace("%3a", ":");
    if decoded.contains('%') {
        return Err(Problem::new(
            ErrorCode::NameInvalid,
            "the path has an encoded character; write it plain",
        ));
    }
    Ok(Cow::Owned(decoded))
}

fn repository(name: &[&str]) -> Result<RepositoryName, Problem> {
    name.join("/").parse()
}

fn manifest(
    method: &Method,
    name: &[&str],
    reference: &str,
    query: &Query<'_>,
) -> Result<Operation, Problem> {
    let repository = repository(name)?;
    let reference = reference.parse()?;
    match *method {
        Method::GET => Ok(Operation::ManifestGet { repository, reference }),
        Method::HEAD => Ok(Operation::ManifestHead { repository, reference }),
        Method::PUT => {
            let tags = query.all("tag").map(str::parse).collect::<Result<_, _>>()?;
            Ok(Operation::ManifestPut { repository, reference, tags })
        }
        Method::DELETE => Ok(Operation::ManifestDelete { repository, reference }),
        _ => Err(not_allowed("GET, HEAD, PUT, DELETE")),
    }
}

fn referrers(method: &Method, name: &[&str], digest: &str, query: &Query<'_>) -> Result<Operation, Problem> {
    let repository = repository(name)?;
    let digest = digest.parse()?;
    only(method, &[Method::GET, Method::HEAD])?;
    // A plus sign that was not encoded reads as a space, which no media type has.
    let artifact_type = query.get("artifactType").filter(|text| !text.is_empty());
    let artifact_type = artifact_type.map(|text| text.replace(' ', "+"));
    let after = query.get("last").map(str::parse).transpose()?;
    Ok(Operation::Referrers { repository, digest, artifact_type, after })
}

fn upload_start(method: &Method, name: &[&str], query: &Query<'_>) -> Result<Operation, Problem> {
    let repository = repository(name)?;
    only(method, &[Method::POST])?;
    Ok(Operation::UploadStart { repository, start: start(query)? })
}

fn start(query: &Query<'_>) -> Result<Start, Problem> {
    let digest = |name| query.get(name).map(str::parse::<Digest>).transpose();
    let (whole, mount) = (digest("digest")?, digest("mount")?);
    let from = query.get("from").filter(|from| !from.is_empty()).map(str::parse).transpose()?;
    let algorithm: Option<Algorithm> = query.get("digest-algorithm").map(str::parse).transpose()?;
    match (whole, mount, from) {
        (Some(_), Some(_), _) => {
            let message = "digest and mount exclude each other; leave one out";
            Err(Problem::new(ErrorCode::BlobUploadInvalid, message))
        }
        (Some(digest), None, _) => Ok(Start::Whole(digest)),
        (None, Some(digest), Some(from)) => Ok(Start::Mount(Mount::Asked { digest, from })),
        // Without a source, other repositories would have to be searched, which the caller may not see.
        (None, Some(digest), None) => Ok(Start::Session(digest.algorithm())),
        (None, None, _) => Ok(Start::Session(algorithm.unwrap_or_default())),
    }
}

fn upload(method: &Method, name: &[&str], upload: &str, query: &Query<'_>) -> Result<Operation, Problem> {
    let repository = repository(name)?;
    let known = upload.parse::<UploadId>().ok().filter(|id| id.to_string() == upload);
    let upload =
        known.ok_or_else(|| Problem::new(ErrorCode::BlobUploadUnknown, "there is no such upload"))?;
    match *method {
        Method::GET | Method::HEAD => Ok(Operation::UploadStatus { repository, upload }),
        Method::PATCH => Ok(Operation::UploadPatch { repository, upload }),
        Method::PUT => {
            let missing = || Problem::new(ErrorCode::DigestInvalid, "the query parameter digest is missing");
            let digest = query.get("digest").ok_or_else(missing)?.parse()?;
            Ok(Operation::UploadPut { repository, upload, digest })
        }
        Method::DELETE => Ok(Operation::UploadCancel { repository, upload }),
        _ => Err(not_allowed("GET, HEAD, PATCH, PUT, DELETE")),
    }
}

fn blob(method: &Method, name: &[&str], digest: &str) -> Result<Operation, Problem> {
    let repository = repository(name)?;
    let digest = digest.parse()?;
    match *method {
        Method::GET => Ok(Operation::BlobGet { repository, digest }),
        Method::HEAD => Ok(Operation::BlobHead { repository, digest }),
        Method::DELETE => Ok(Operation::BlobDelete { repository, digest }),
        _ => Err(not_allowed("GET, HEAD, DELETE")),
    }
}

fn only(method: &Method, allowed: &[Method]) -> Result<(), Problem> {
    if allowed.contains(method) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
    Err(not_allowed(&names.join(", ")))
}

fn not_allowed(methods: &str) -> Problem {
    Problem::new(ErrorCode::Unsupported, "the method is not one of this route's").header(ALLOW, methods)
}

fn no_route() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is no such route").status(StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests;
