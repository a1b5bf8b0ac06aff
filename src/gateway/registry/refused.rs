//! Why a request to the registry is not carried out, and the answer that comes of it.

use crate::{
    audit::{Decision, Scope},
    gateway::{Body, count_decision},
    identity::step_up::Challenge,
    registry::{ErrorCode, Problem},
};
use http::{HeaderName, Response, StatusCode};
use std::borrow::Cow;

/// Why a request is not carried out: the answer, and what the record keeps.
pub(super) struct Refused {
    pub problem: Box<Problem>,
    pub code: &'static str,
    pub reason: Cow<'static, str>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let (code, reason) = (problem.code.as_str(), problem.message.clone());
        Self { problem: Box::new(problem), code, reason }
    }
}

impl Refused {
    pub fn withdrawn(sentence: String) -> Self {
        let problem = Problem::new(ErrorCode::Denied, sentence.clone());
        Self { problem: Box::new(problem), code: "access_withdrawn", reason: Cow::Owned(sentence) }
    }
}

/// Told by status and headers as in the rest of the gateway, in the document that clients of registries print.
impl From<Challenge> for Refused {
    fn from(challenge: Challenge) -> Self {
        let code = match challenge {
            Challenge::Unavailable => ErrorCode::Unavailable,
            _ => ErrorCode::Denied,
        };
        let mut problem = Problem::new(code, challenge.to_string()).status(challenge.status());
        let told = [("x-mfa-required", challenge.required()), ("x-mfa-level", challenge.level())];
        for (name, value) in told {
            let Some(value) = value else { continue };
            problem = problem.header(HeaderName::from_static(name), value);
        }
        let reason = Cow::Owned(challenge.to_string());
        Self { problem: Box::new(problem), code: challenge.code(), reason }
    }
}

pub(super) fn refuse(mut scope: Scope, refused: Refused) -> Response<Body> {
    if refused.problem.code == ErrorCode::Denied || refused.problem.status == StatusCode::SERVICE_UNAVAILABLE
    {
        scope.decision = Decision::Deny;
    }
    scope.reason = Some(refused.reason);
    count_decision(scope.decision, Some(refused.code));
    scope.answered(refused.problem.status);
    scope.close();
    refusal(*refused.problem)
}

pub(super) fn refusal(problem: Problem) -> Response<Body> {
    problem.into_response().map(Body::Boxed)
}
