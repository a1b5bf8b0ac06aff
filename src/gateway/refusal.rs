//! Every way in which a request can end without the upstream's answer, and what the client is told of it.
//! Internal detail goes to the log; the client gets a sentence, a code, and the request id.

use super::{
    audit_facts,
    classify::convox::BadParameter,
    env::{BadEnv, NoBase, NothingBehindMask},
    target::BadTarget,
};
use crate::{
    audit::AuditUnavailable,
    identity::{AuthError, NotAdmitted, Principal, step_up::Challenge},
    policy::Denied,
    upstream::{ServiceError, UpstreamError},
};
use http::{Method, StatusCode};

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the audit log cannot take records now, so nothing is forwarded; try again shortly")]
    AuditUnavailable,
    #[error("rights cannot be verified now, so nothing is forwarded; try again shortly")]
    AccessUnavailable,
    #[error("authentication failed: send an API token as the password of Basic, or as Bearer")]
    Unauthenticated(AuthError),
    #[error("{0}")]
    Unproven(Challenge),
    /// The right was lost in the middle of an upload, of which the rack has had a part.
    #[error("{0}")]
    Withdrawn(String),
    #[error("{0}")]
    BadTarget(#[from] BadTarget),
    #[error("{0}")]
    BadParameter(#[from] BadParameter),
    #[error("there is no rack named \"{0}\" here")]
    UnknownRack(String),
    /// Answered like a rack that does not know the route: 404 and no body, which clients understand.
    #[error("no such route")]
    UnknownRoute,
    /// The stock CLI asks this before each websocket and expects a 404.
    #[error("no such route")]
    Preflight,
    #[error("{0}")]
    Denied(String),
    #[error("the body is longer than {limit} bytes, the most that this route takes")]
    BodyTooLarge { limit: usize },
    #[error("the body broke off before its end")]
    BodyBroken,
    #[error("{0}")]
    Env(#[from] BadChange),
    #[error("the app's releases cannot be read to resolve the environment: the rack answered {0}")]
    NoReleases(StatusCode),
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    #[error("the rack refused the gateway's own credential; its RACK_TOKEN needs a look")]
    RackCredential,
    #[error("the rack's answer cannot be shown: it is not the document that its route promises")]
    RackAnswer,
    #[error("{0}")]
    Service(#[from] ServiceError),
    #[error("services cannot be called with {0}")]
    ServiceMethod(Method),
    #[error("the handshake of a websocket has no body")]
    HandshakeBody,
    #[error("the service changed to a protocol that nobody asked for")]
    ServiceAnswer,
    #[error("the gateway is going down; connect again in a moment")]
    Draining,
    #[error(
        "this gateway is not called by that host name; use its public address, or add the name to ALLOWED_HOSTS"
    )]
    WrongHost,
    #[error("something went wrong in the gateway")]
    Internal,
}

/// A change of an environment that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum BadChange {
    #[error("{0}")]
    Text(#[from] BadEnv),
    #[error("{0}")]
    Mask(#[from] NothingBehindMask),
    #[error("{0}")]
    Base(#[from] NoBase),
}

impl Refusal {
    pub fn denied<T>(principal: &Principal, denied: &Denied<T>) -> Self {
        Self::Denied(audit_facts::sentence(principal, denied))
    }

    pub fn unknown_rack(name: &str) -> Self {
        Self::UnknownRack(name.chars().take(60).collect())
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::AuditUnavailable | Self::AccessUnavailable | Self::Draining => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Unproven(challenge) => challenge.status(),
            Self::BadTarget(BadTarget::TooLong) => StatusCode::URI_TOO_LONG,
            Self::BadTarget(_) | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::BadParameter(bad) => bad.status(),
            Self::Env(BadChange::Base(_)) => StatusCode::CONFLICT,
            Self::Env(_) => StatusCode::BAD_REQUEST,
            Self::NoReleases(StatusCode::NOT_FOUND) => StatusCode::NOT_FOUND,
            Self::NoReleases(_) => StatusCode::BAD_GATEWAY,
            Self::UnknownRack(_) | Self::UnknownRoute | Self::Preflight => StatusCode::NOT_FOUND,
            Self::Denied(_) | Self::Withdrawn(_) => StatusCode::FORBIDDEN,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Upstream(UpstreamError::TimedOut(_)) => StatusCode::GATEWAY_TIMEOUT,
            Self::Upstream(_) | Self::RackCredential | Self::RackAnswer => StatusCode::BAD_GATEWAY,
            Self::Service(error) => error.status(),
            Self::ServiceMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::HandshakeBody => StatusCode::BAD_REQUEST,
            Self::ServiceAnswer => StatusCode::BAD_GATEWAY,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word that programs can act on. Stable.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AuditUnavailable => "audit_unavailable",
            Self::AccessUnavailable => "access_unavailable",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Unproven(challenge) => challenge.code(),
            Self::BadTarget(_) => "bad_target",
            Self::BadParameter(_) => "bad_parameter",
            Self::UnknownRack(_) => "unknown_rack",
            Self::UnknownRoute => "unknown_route",
            Self::Preflight => "preflight",
            Self::Denied(_) => "denied",
            Self::Withdrawn(_) => "access_withdrawn",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyBroken => "body_broken",
            Self::Env(_) => "bad_environment",
            Self::NoReleases(_) => "no_releases",
            Self::Upstream(UpstreamError::Unreachable(_) | UpstreamError::Nobody(_)) => {
                "upstream_unreachable"
            }
            Self::Upstream(UpstreamError::TimedOut(_)) => "upstream_timeout",
            Self::Upstream(_) => "upstream_broken",
            Self::RackCredential => "upstream_credential",
            Self::RackAnswer => "upstream_answer",
            Self::Service(error) => error.code(),
            Self::ServiceMethod(_) => "bad_method",
            Self::HandshakeBody => "bad_handshake",
            Self::ServiceAnswer => "service_answer",
            Self::Draining => "draining",
            Self::WrongHost => "wrong_host",
            Self::Internal => "internal",
        }
    }

    /// What the audit record keeps: for failed authentication the cause that the client is not told.
    pub fn audit_reason(&self) -> String {
        match self {
            Self::Unauthenticated(error) => error.code().to_owned(),
            Self::UnknownRoute => "no catalogue lists this route".to_owned(),
            _ => self.to_string(),
        }
    }

    /// True for refusals that come after policy said yes, and mean that nothing was forwarded all the same.
    pub const fn overturns_the_decision(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Unproven(_) | Self::AuditUnavailable | Self::Draining)
    }

    /// True for the ones that have no body, as a rack would answer them.
    pub const fn is_bare(&self) -> bool {
        matches!(self, Self::UnknownRoute | Self::Preflight)
    }
}

impl From<AuditUnavailable> for Refusal {
    fn from(_: AuditUnavailable) -> Self {
        Self::AuditUnavailable
    }
}

impl From<Challenge> for Refusal {
    fn from(challenge: Challenge) -> Self {
        Self::Unproven(challenge)
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Stale(_) => Self::AccessUnavailable,
            NotAdmitted::Auth(error) => Self::Unauthenticated(error),
        }
    }
}
