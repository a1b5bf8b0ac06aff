//! Small budgets for what needs no credential, for each client address.

use super::{Access, ApiError};
use crate::core::{Timestamp, rate_limit::RateLimiter};
use std::{fmt, net::IpAddr, sync::Arc};

/// A client that waits for a login asks about once a second.
const POLLS: u32 = 90;

/// Cheap to clone.
#[derive(Clone)]
pub struct LoginLimits {
    attempts: Arc<RateLimiter>,
    polls: Arc<RateLimiter>,
}

impl LoginLimits {
    pub fn new(attempts_per_minute: u32) -> Self {
        let polls = attempts_per_minute.max(POLLS);
        Self {
            attempts: Arc::new(RateLimiter::new(attempts_per_minute)),
            polls: Arc::new(RateLimiter::new(polls)),
        }
    }

    pub(super) fn check(&self, access: Access, ip: IpAddr, now: Timestamp) -> Result<(), ApiError> {
        let limiter = match access {
            Access::Public => &self.attempts,
            Access::PublicPoll => &self.polls,
            _ => return Ok(()),
        };
        limiter.check(ip, now).map_err(|limited| {
            metrics::counter!("rate_limited_total").increment(1);
            ApiError::Limited { seconds: limited.retry_after_seconds }
        })
    }
}

impl fmt::Debug for LoginLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLimits").finish_non_exhaustive()
    }
}
