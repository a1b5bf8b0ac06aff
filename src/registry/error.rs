//! The errors of the distribution protocol, and the answer each becomes.

use super::backend::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc};

macro_rules! codes {
    ($($name:ident $code:literal $status:ident $meaning:literal;)*) => {
        /// What went wrong, in the words of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorCode {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The status that usually goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    BlobUnknown "BLOB_UNKNOWN" NOT_FOUND "The repository has no such blob.";
    BlobUploadInvalid "BLOB_UPLOAD_INVALID" BAD_REQUEST "The upload cannot go on like this.";
    BlobUploadUnknown "BLOB_UPLOAD_UNKNOWN" NOT_FOUND "The repository has no such upload.";
    Denied "DENIED" FORBIDDEN "The caller may not do that.";
    DigestInvalid "DIGEST_INVALID" BAD_REQUEST "A digest is malformed, or is not the content's.";
    ManifestBlobUnknown "MANIFEST_BLOB_UNKNOWN" BAD_REQUEST "A manifest names what the repository does not hold.";
    ManifestInvalid "MANIFEST_INVALID" BAD_REQUEST "A manifest cannot be read, or says two things.";
    ManifestUnknown "MANIFEST_UNKNOWN" NOT_FOUND "The repository has no such manifest.";
    NameInvalid "NAME_INVALID" BAD_REQUEST "The name of the repository is malformed.";
    NameUnknown "NAME_UNKNOWN" NOT_FOUND "There is no such repository.";
    NotFound "NOT_FOUND" NOT_FOUND "There is no such route.";
    PaginationNumberInvalid "PAGINATION_NUMBER_INVALID" BAD_REQUEST "The page size is not a number.";
    RangeInvalid "RANGE_INVALID" RANGE_NOT_SATISFIABLE "The range does not fit what is there.";
    SizeInvalid "SIZE_INVALID" BAD_REQUEST "A length is not that of the content.";
    TagInvalid "TAG_INVALID" BAD_REQUEST "A tag is malformed.";
    TooManyRequests "TOOMANYREQUESTS" TOO_MANY_REQUESTS "The client asks too much.";
    Unauthorized "UNAUTHORIZED" UNAUTHORIZED "The caller is not known.";
    Unavailable "UNAVAILABLE" SERVICE_UNAVAILABLE "The registry cannot serve now.";
    Unknown "UNKNOWN" INTERNAL_SERVER_ERROR "The registry failed.";
    Unsupported "UNSUPPORTED" METHOD_NOT_ALLOWED "The registry does not do that.";
}

/// A refusal or failure on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: ErrorCode,
    pub status: StatusCode,
    /// Clients print it. Says what is wrong and, where there is one, the mend.
    pub message: Cow<'static, str>,
    pub detail: Option<Box<Value>>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status: code.status(), message: message.into(), detail: None, headers: Vec::new() }
    }

    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// `{"errors":[{"code","message","detail"}]}`
    pub fn document(&self) -> Value {
        let mut error = json!({"code": self.code.as_str(), "message": self.message});
        if let (Some(detail), Some(error)) = (&self.detail, error.as_object_mut()) {
            error.insert("detail".into(), Value::clone(detail));
        }
        json!({ "errors": [error] })
    }

    /// The problem itself goes along, for whoever records what happened.
    pub fn into_response(self) -> Response<Body> {
        let mut response = super::respond::problem(&self);
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_that_of_the_protocol() {
        let problem = Problem::new(ErrorCode::DigestInvalid, "no").detail(json!({"digest": "x"}));
        let expected = r#"{"errors":[{"code":"DIGEST_INVALID","message":"no","detail":{"digest":"x"}}]}"#;
        assert_eq!(problem.document().to_string(), expected);
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        assert!(Problem::new(ErrorCode::Unknown, "x").document()["errors"][0].get("detail").is_none());
    }
}
