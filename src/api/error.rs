//! Errors of the API: always a JSON document with a sentence, a code and the request id.

use crate::{core::RequestId, gateway::Refusal, store::StoreError};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{field}: {problem}")]
    Field { field: String, problem: String },
    #[error("{0} is not allowed here")]
    Method(http::Method),
    #[error("the database does not answer; try again shortly")]
    Store(#[from] StoreError),
}

impl ApiError {
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Field { .. } => StatusCode::BAD_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Field { .. } => "bad_parameter",
            Self::Method(_) => "method_not_allowed",
            Self::Store(_) => "database_unavailable",
        }
    }

    /// For the audit record.
    pub fn reason(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.audit_reason(),
            _ => self.to_string(),
        }
    }

    pub fn response(&self, request_id: RequestId) -> Response {
        let document = json!({ "error": self.to_string(), "code": self.code(), "request_id": request_id });
        let mut response = (self.status(), axum::Json(document)).into_response();
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"rack-gateway\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
