//! Errors of the API: always a JSON document with a sentence, a code and the request id, and for a bad field its
//! name.
//!
//! A handler returns `Result<_, ApiError>`. The guard, which knows the request id, writes the document and records
//! the reason.

use crate::{core::RequestId, gateway::Refusal, identity::step_up::Challenge, store::StoreError};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use std::{borrow::Cow, sync::Arc};

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{field}: {problem}")]
    Field { field: String, problem: String },
    /// For what a room knows best itself; see [`ApiError::new`].
    #[error("{message}")]
    Said { status: StatusCode, code: &'static str, message: Cow<'static, str> },
    #[error("too many attempts from this address; try again in {seconds} seconds")]
    Limited { seconds: u8 },
    #[error("{0} is not allowed here")]
    Method(http::Method),
    #[error("the database does not answer; try again shortly")]
    Store(StoreError),
}

pub static X_MFA_REQUIRED: HeaderName = HeaderName::from_static("x-mfa-required");
pub static X_MFA_LEVEL: HeaderName = HeaderName::from_static("x-mfa-level");

impl ApiError {
    /// `code` is a stable word that programs act on; `message` a sentence that names the mend.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Said { status, code, message: message.into() }
    }

    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }

    /// 404 for `what`, as in `a user ada@example.com`.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "denied", message)
    }

    pub fn internal() -> Self {
        Self::Refused(Refusal::Internal)
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Field { .. } => StatusCode::BAD_REQUEST,
            Self::Said { status, .. } => *status,
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Field { .. } => "bad_parameter",
            Self::Said { code, .. } => code,
            Self::Limited { .. } => "rate_limited",
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

    /// True when the guard's word that the caller may is taken back: the record then says deny.
    pub(super) fn is_denial(&self) -> bool {
        matches!(
            self.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        )
    }

    pub fn response(&self, request_id: RequestId) -> Response {
        let mut document =
            json!({ "error": self.to_string(), "code": self.code(), "request_id": request_id });
        if let (Self::Field { field, .. }, Some(fields)) = (self, document.as_object_mut()) {
            fields.insert("field".to_owned(), field.as_str().into());
        }
        let mut response = (self.status(), axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Refused(Refusal::Unproven(challenge)) => mark(headers, *challenge),
            Self::Limited { seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(u16::from(*seconds)));
            }
            _ if self.status() == StatusCode::UNAUTHORIZED => {
                // Not Basic: a browser would ask its user for a password whenever a session of theirs has ended.
                let challenge = HeaderValue::from_static("Bearer realm=\"rack-gateway\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response
    }
}

/// Without `WWW-Authenticate`: a browser would ask for a password.
fn mark(headers: &mut http::HeaderMap, challenge: Challenge) {
    if let Some(required) = challenge.required() {
        headers.insert(&X_MFA_REQUIRED, HeaderValue::from_static(required));
    }
    if let Some(level) = challenge.level() {
        headers.insert(&X_MFA_LEVEL, HeaderValue::from_static(level));
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            StoreError::Exists(_) => Self::conflict(error.to_string()),
            other => Self::Store(other),
        }
    }
}

/// Travels from the handler to the guard, in the extensions of an empty response.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}
