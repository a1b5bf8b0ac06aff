//! Why the registry behind gave no answer that can be used. The client learns that it is not its fault; the log learns
//! why.

use crate::{
    registry::error::{ErrorCode, Problem},
    upstream::ServiceError,
};
use http::{StatusCode, header::RETRY_AFTER};
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the registry behind cannot be reached: {0}")]
    Unreachable(String),
    #[error("the directory has no instance of the registry behind that takes calls")]
    Nobody,
    #[error("the exchange with the registry behind broke off: {0}")]
    Broken(String),
    #[error("the registry behind was silent for {0:?}")]
    Silent(Duration),
    #[error(
        "the registry behind refuses the gateway's own credential; look at REGISTRY_UPSTREAM_USERNAME, \
         REGISTRY_UPSTREAM_PASSWORD and REGISTRY_UPSTREAM_JWT_KEY"
    )]
    NotLetIn,
    #[error("the registry behind answered {0}")]
    Status(StatusCode),
    #[error("the registry behind answered with {0}")]
    Strange(&'static str),
}

/// In seconds.
const SHORTLY: &str = "1";

impl Failure {
    pub fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let said = innermost(&error);
        if error.is_connect() { Self::Unreachable(said) } else { Self::Broken(said) }
    }

    /// In words that anybody may read: no address, no cause.
    pub const fn in_public(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "ECONNREFUSED: the registry behind cannot be reached",
            Self::Nobody => "ECONNREFUSED: no instance of the registry behind takes calls",
            Self::Broken(_) => "ECONNRESET: the registry behind broke off",
            Self::Silent(_) => "ETIMEDOUT: the registry behind is silent",
            Self::NotLetIn => "EACCES: the registry behind refuses the gateway's own credential",
            Self::Status(_) | Self::Strange(_) => "EPROTO: the registry behind does not answer as a registry",
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::Unknown(_) | ServiceError::NoneLive => Self::Nobody,
            ServiceError::Unreachable(_) => Self::Unreachable(innermost(&error)),
            ServiceError::Broken(_) => Self::Broken(innermost(&error)),
            ServiceError::TimedOut(limit) => Self::Silent(*limit),
            ServiceError::Malformed(_) => Self::Strange("a request that cannot be sent"),
        }
    }
}

/// The last of the causes, which says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said = cause.to_string();
        source = cause.source();
    }
    said
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        tracing::error!(error = %failure, "the registry behind failed");
        let (status, message) = match failure {
            Failure::Unreachable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the registry behind cannot be reached now; try again later",
            ),
            Failure::Nobody => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no instance of the registry behind takes calls now; try again shortly",
            ),
            Failure::Silent(_) => {
                (StatusCode::GATEWAY_TIMEOUT, "the registry behind does not answer; try again later")
            }
            Failure::Broken(_) => (StatusCode::BAD_GATEWAY, "the registry behind broke off; try again"),
            Failure::NotLetIn => (
                StatusCode::BAD_GATEWAY,
                "the registry behind refuses the gateway's own credential; tell its operator",
            ),
            Failure::Status(_) | Failure::Strange(_) => {
                (StatusCode::BAD_GATEWAY, "the registry behind failed; try again later")
            }
        };
        let problem = Self::new(ErrorCode::Unavailable, message).status(status);
        if status == StatusCode::SERVICE_UNAVAILABLE { problem.header(RETRY_AFTER, SHORTLY) } else { problem }
    }
}
