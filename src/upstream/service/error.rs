//! Why a service did not answer.

use http::StatusCode;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("there is no service \"{0}\" here")]
    Unknown(String),
    #[error("no instance of the service takes calls now; try again shortly")]
    NoneLive,
    #[error("the service cannot be reached")]
    Unreachable(#[source] std::io::Error),
    #[error("the connection to the service broke")]
    Broken(#[source] hyper::Error),
    #[error("the service was silent for {0:?}")]
    TimedOut(Duration),
    #[error("the request cannot be sent to the service")]
    Malformed(#[from] http::Error),
}

impl ServiceError {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::NoneLive => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreachable(_) | Self::Broken(_) | Self::Malformed(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_service",
            Self::NoneLive => "no_instance",
            Self::Unreachable(_) => "service_unreachable",
            Self::Broken(_) => "service_broken",
            Self::TimedOut(_) => "service_timeout",
            Self::Malformed(_) => "service_malformed",
        }
    }

    /// Whether the instance is to blame. A caller who breaks off an upload also ends the exchange.
    pub(super) fn is_theirs(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) => true,
            Self::Broken(error) => !error.is_user(),
            Self::Unknown(_) | Self::NoneLive | Self::Malformed(_) => false,
        }
    }
}
