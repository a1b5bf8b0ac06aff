//! What the artifact registry's clients read when something is not done: `{code, message, request_id}`.

use crate::{
    core::RequestId,
    gateway::Body,
    identity::{AuthError, NotAdmitted, step_up::Challenge},
    upstream::UpstreamError,
};
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;
use std::borrow::Cow;

/// Clients decide by the code, people read the message. No internal detail is in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    /// What the record keeps, when that is more than the client is told.
    pub reason: Option<Cow<'static, str>>,
    /// What had to be proven, in the word of the metrics.
    pub unproven: Option<&'static str>,
    headers: Vec<(&'static str, &'static str)>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            reason: None,
            unproven: None,
            headers: Vec::new(),
        }
    }

    pub fn bad(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    pub fn unknown_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "the artifact registry has no such route")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
    }

    pub fn no_audit() -> Self {
        const TEXT: &str = "the audit log cannot take records now, so nothing is done; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "AUDIT_UNAVAILABLE", TEXT)
    }

    /// Where an archive would lie until it is decided on there is no room, for now.
    pub fn no_upload(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UPLOAD_UNAVAILABLE", message)
    }

    /// The disk does not keep what comes.
    pub fn unkept() -> Self {
        Self::no_upload("the gateway cannot keep the upload now; try again later")
    }

    /// An answer that does not keep to the protocol, or could say too much.
    pub fn bad_answer() -> Self {
        const TEXT: &str = "the artifact registry's answer cannot be shown";
        Self::new(StatusCode::BAD_GATEWAY, "UPSTREAM_ANSWER", TEXT)
    }

    pub fn bad_credential() -> Self {
        const TEXT: &str =
            "the artifact registry refused the gateway's own token; its ARTIFACT_TOKEN needs a look";
        Self::new(StatusCode::BAD_GATEWAY, "UPSTREAM_CREDENTIAL", TEXT)
    }

    pub fn into_response(self, request_id: RequestId) -> Response<Body> {
        let document = json!({"code": self.code, "message": self.message, "request_id": request_id});
        let mut response = Response::new(Body::whole(document.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        match self.status {
            // Who must prove something is not asked for a password.
            _ if !self.headers.is_empty() => {}
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"rack-gateway\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Challenge> for Problem {
    fn from(challenge: Challenge) -> Self {
        let told = [("x-mfa-required", challenge.required()), ("x-mfa-level", challenge.level())];
        let headers = told.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let code = challenge.code().to_ascii_uppercase();
        let unproven = Some(challenge.code());
        Self { headers, unproven, ..Self::new(challenge.status(), code, challenge.to_string()) }
    }
}

impl From<NotAdmitted> for Problem {
    fn from(error: NotAdmitted) -> Self {
        const STALE: &str = "rights cannot be verified now, so nothing is done; try again shortly";
        const NOTHING: &str = "send an API token as Bearer, or as X-Registry-Token";
        const WRONG: &str = "authentication failed: send an API token of this gateway";
        match error {
            NotAdmitted::Stale(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "ACCESS_UNAVAILABLE", STALE),
            NotAdmitted::Auth(error @ AuthError::Missing) => {
                Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", NOTHING).because(error.code())
            }
            NotAdmitted::Auth(error) => {
                Self::new(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", WRONG).because(error.code())
            }
        }
    }
}

impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        let (status, code, message) = match error {
            UpstreamError::Unreachable(_) => {
                (StatusCode::BAD_GATEWAY, "UPSTREAM_UNREACHABLE", "the artifact registry cannot be reached")
            }
            UpstreamError::Nobody(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UPSTREAM_UNREACHABLE",
                "no instance of the artifact registry takes calls now; try again shortly",
            ),
            UpstreamError::TimedOut(_) => return silent(),
            UpstreamError::Broken(_) | UpstreamError::Malformed(_) => {
                (StatusCode::BAD_GATEWAY, "UPSTREAM_BROKEN", "the connection to the artifact registry broke")
            }
        };
        Self::new(status, code, message)
    }
}

pub fn silent() -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT", "the artifact registry does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Timestamp;

    #[test]
    fn who_must_prove_something_is_told_so_and_not_asked_for_a_password() {
        let answer = |problem: Problem| problem.into_response(RequestId::new(Timestamp::default()));
        let enrol = answer(Challenge::Enrollment.into());
        assert_eq!(enrol.status(), Challenge::Enrollment.status());
        assert_eq!(enrol.headers()["x-mfa-required"], "enrollment");
        assert!(!enrol.headers().contains_key(WWW_AUTHENTICATE));
        let missing = answer(NotAdmitted::Auth(AuthError::Missing).into());
        assert_eq!(
            (missing.status(), &missing.headers()[CACHE_CONTROL]),
            (StatusCode::UNAUTHORIZED, &HeaderValue::from_static("no-store"))
        );
        assert!(missing.headers().contains_key(WWW_AUTHENTICATE));
    }
}
