//! What the registry behind answers, in the protocol's words and none but those: codes that are known, messages of
//! bounded length, and no detail, in which registries like to show their insides.

use super::failure::Failure;
use crate::registry::{
    backend::Body,
    error::{ErrorCode, Problem, Result},
    reading::read,
    respond::Answer,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use serde::Deserialize;

const LONGEST_ERROR: usize = 64 * 1_024;
const LONGEST_MESSAGE: usize = 300;

/// What is asked about, and so what is missing when it is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Blob,
    Manifest,
    Upload,
    Repository,
}

impl About {
    const fn missing(self) -> (ErrorCode, &'static str) {
        match self {
            Self::Blob => (ErrorCode::BlobUnknown, "the repository has no such blob"),
            Self::Manifest => (ErrorCode::ManifestUnknown, "the repository has no such manifest"),
            Self::Upload => (ErrorCode::BlobUploadUnknown, "the repository has no such upload"),
            Self::Repository => (ErrorCode::NameUnknown, "there is no such repository"),
        }
    }

    pub fn unknown(self) -> Problem {
        let (code, message) = self.missing();
        Problem::new(code, message)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Makes a refusal out of an answer that is none of the expected ones.
pub(super) async fn problem(answer: Response<Body>, about: About) -> Problem {
    let (parts, body) = answer.into_parts();
    let status = parts.status;
    if status == StatusCode::NOT_FOUND {
        return about.unknown();
    }
    let bytes = read(body, LONGEST_ERROR).await.unwrap_or_default();
    let entry = serde_json::from_slice::<Document>(&bytes)
        .ok()
        .and_then(|document| document.errors.into_iter().next());
    let (code, message) = entry.map_or_else(Default::default, |entry| (entry.code, entry.message));
    let message = plain(&message);
    let said = |own: &str| if message.is_empty() { own.to_owned() } else { format!("{own}: {message}") };
    match status {
        StatusCode::FORBIDDEN | StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => {
            tracing::warn!(%status, code, message, "the registry behind refused");
            Problem::new(ErrorCode::Denied, said("the registry behind refuses that"))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(ErrorCode::Unsupported, "the registry behind does not do that")
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Problem::new(ErrorCode::RangeInvalid, "the range does not fit what is there")
        }
        // Clients give up uploads for good at these, or try for a minute.
        StatusCode::PAYLOAD_TOO_LARGE if about == About::Manifest => crate::registry::model::too_large(),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(ErrorCode::Denied, said("the registry behind takes less"))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let problem =
                Problem::new(ErrorCode::Unavailable, "the registry behind is busy; try again shortly");
            problem.header(header::RETRY_AFTER, &retry_after(&parts.headers))
        }
        StatusCode::BAD_REQUEST => match known(&code) {
            Some(code) => Problem::new(code, said("the registry behind refuses that")).status(status),
            None => {
                Problem::new(default_code(about), said("the registry behind refuses that")).status(status)
            }
        },
        StatusCode::SERVICE_UNAVAILABLE => {
            let message = "the registry behind cannot serve now; try again later";
            Problem::new(ErrorCode::Unavailable, message)
                .header(header::RETRY_AFTER, &retry_after(&parts.headers))
        }
        _ => {
            tracing::error!(code, message, "the registry behind answered {status}");
            Failure::Status(status).into()
        }
    }
}

fn known(code: &str) -> Option<ErrorCode> {
    use ErrorCode as Code;
    let all = [
        Code::BlobUnknown,
        Code::BlobUploadInvalid,
        Code::BlobUploadUnknown,
        Code::DigestInvalid,
        Code::ManifestBlobUnknown,
        Code::ManifestInvalid,
        Code::NameInvalid,
        Code::RangeInvalid,
        Code::SizeInvalid,
        Code::TagInvalid,
        Code::Unsupported,
    ];
    all.into_iter().find(|known| known.as_str() == code)
}

const fn default_code(about: About) -> ErrorCode {
    match about {
        About::Blob => ErrorCode::DigestInvalid,
        About::Manifest => ErrorCode::ManifestInvalid,
        About::Upload => ErrorCode::BlobUploadInvalid,
        About::Repository => ErrorCode::NameInvalid,
    }
}

/// One line of bounded length, without what could be an address or a path.
fn plain(message: &str) -> String {
    let words = message
        .split_whitespace()
        .map(|word| if word.contains("//") || word.starts_with('/') { "…" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(LONGEST_MESSAGE).collect()
}

fn retry_after(headers: &HeaderMap) -> String {
    let given = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    given.map_or(5, |seconds| seconds.min(600)).to_string()
}

/// Starts an answer with those of these headers that the registry behind gave.
pub(super) fn relay(status: StatusCode, from: &HeaderMap, names: &[HeaderName]) -> Answer {
    names.iter().fold(Answer::new(status), |answer, name| {
        match from.get(name).and_then(|value| value.to_str().ok()) {
            Some(value) => answer.header(name.clone(), value),
            None => answer,
        }
    })
}

/// A whole body, or a failure.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes> {
    use crate::registry::reading::Unread;
    read(body, limit).await.map_err(|unread| {
        let failure = match unread {
            Unread::TooLong => Failure::Strange("more than can be right"),
            Unread::Broken(error) => Failure::Broken(error.to_string()),
        };
        failure.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::respond::full;

    async fn told(status: u16, body: &'static str, about: About) -> (u16, &'static str, String) {
        let answer =
            Response::builder().status(status).body(full(Bytes::from_static(body.as_bytes()))).unwrap();
        let problem = problem(answer, about).await;
        (problem.status.as_u16(), problem.code.as_str(), problem.message.into_owned())
    }

    #[tokio::test]
    async fn what_is_not_found_is_what_was_asked_for() {
        for (about, code) in [
            (About::Blob, "BLOB_UNKNOWN"),
            (About::Manifest, "MANIFEST_UNKNOWN"),
            (About::Upload, "BLOB_UPLOAD_UNKNOWN"),
            (About::Repository, "NAME_UNKNOWN"),
        ] {
            let told = told(404, "404 page not found", about).await;
            assert_eq!((told.0, told.1), (404, code));
        }
    }

    #[tokio::test]
    async fn insides_do_not_show_and_uploads_are_not_told_to_give_up() {
        let body = r#"{"errors":[{"code":"UNKNOWN","message":"filesystem: invalid path: /docker/registry/v2/x","detail":{"p":"/x"}}]}"#;
        let (status, code, message) = told(500, body, About::Manifest).await;
        assert_eq!((status, code), (502, "UNAVAILABLE"));
        assert!(!message.contains("docker"), "{message}");
        let body =
            r#"{"errors":[{"code":"DENIED","message":"quota of /secret/path or http://inside is used up"}]}"#;
        let (status, code, message) = told(403, body, About::Upload).await;
        assert_eq!((status, code), (403, "DENIED"));
        assert!(message.ends_with("quota of … or … is used up"), "{message}");
        assert_eq!(told(429, "", About::Upload).await.0, 503);
        assert_eq!(told(413, "", About::Upload).await.0, 403);
        assert_eq!(told(400, "<html>", About::Upload).await.1, "BLOB_UPLOAD_INVALID");
        assert_eq!(told(302, "", About::Upload).await.0, 502);
    }
}
