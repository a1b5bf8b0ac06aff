//! Who pushes an image waits where others are told to come back: `docker push` gives up at a 429, so a budget that is
//! used up delays an upload and does not end it.

use crate::{
    core::{
        SharedClock,
        rate_limit::{Limited, RateLimiter},
    },
    gateway::Body,
    registry::{ErrorCode, Problem},
};
use http::{Method, Response, header::RETRY_AFTER};
use std::{net::IpAddr, time::Duration};
use tokio::{sync::Semaphore, time::sleep};

/// Requests that may wait at a time, from all clients.
const WAITING: usize = 256;
/// A window ends within a minute; whoever found the next one used up as well, meets a client in earnest.
const WINDOWS: usize = 3;

#[derive(Debug)]
pub struct Patience {
    room: Semaphore,
}

impl Default for Patience {
    fn default() -> Self {
        Self { room: Semaphore::new(WAITING) }
    }
}

impl Patience {
    /// Counts a request of `ip`. One that changes something waits for its client's next window; a read does not, nor
    /// does a change when too many wait already.
    pub async fn check(
        &self,
        limiter: &RateLimiter,
        clock: &SharedClock,
        ip: IpAddr,
        method: &Method,
    ) -> Result<(), Impatient> {
        let Err(mut limited) = limiter.check(ip, clock.now()) else { return Ok(()) };
        if matches!(*method, Method::GET | Method::HEAD) {
            return Err(Impatient::Read(limited));
        }
        let Ok(_room) = self.room.try_acquire() else { return Err(Impatient::Full(limited)) };
        for _ in 0..WINDOWS {
            sleep(Duration::from_secs(limited.retry_after_seconds.into())).await;
            match limiter.check(ip, clock.now()) {
                Ok(()) => return Ok(()),
                Err(again) => limited = again,
            }
        }
        Err(Impatient::Full(limited))
    }
}

/// The request is not served now.
#[derive(Debug, PartialEq, Eq)]
pub enum Impatient {
    Read(Limited),
    /// 503, which clients of a registry try again.
    Full(Limited),
}

impl Impatient {
    /// In the protocol's words, with `Retry-After`.
    pub fn response(self) -> Response<Body> {
        let (code, Limited { retry_after_seconds: seconds }) = match self {
            Self::Read(limited) => (ErrorCode::TooManyRequests, limited),
            Self::Full(limited) => (ErrorCode::Unavailable, limited),
        };
        let message = format!("too many requests from this address; try again in {seconds} s");
        let problem = Problem::new(code, message).header(RETRY_AFTER, &seconds.to_string());
        problem.into_response().map(Body::Boxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Clock as _, Timestamp, clock::FixedClock};
    use std::sync::Arc;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn used_up(clock: &FixedClock) -> RateLimiter {
        let limiter = RateLimiter::new(1);
        limiter.check(IP, clock.now()).unwrap();
        limiter
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_waits_for_the_next_window_and_a_pull_does_not() {
        let fixed = FixedClock::at(Timestamp::from_micros(0));
        let (limiter, clock): (_, SharedClock) = (used_up(&fixed), fixed.clone());
        let patience = Patience::default();
        let read = patience.check(&limiter, &clock, IP, &Method::GET).await;
        assert_eq!(read, Err(Impatient::Read(Limited { retry_after_seconds: 60 })));

        let push = patience.check(&limiter, &clock, IP, &Method::POST);
        let time_passes = async {
            sleep(Duration::from_secs(59)).await;
            fixed.advance(Duration::from_secs(60));
        };
        assert_eq!(tokio::join!(push, time_passes).0, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_not_too_many_wait() {
        let fixed = FixedClock::at(Timestamp::from_micros(0));
        let (limiter, clock): (_, SharedClock) = (Arc::new(used_up(&fixed)), fixed);
        let patience = Arc::new(Patience::default());
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let (patience, limiter, clock) = (patience.clone(), limiter.clone(), clock.clone());
                tokio::spawn(async move { patience.check(&limiter, &clock, IP, &Method::PATCH).await })
            })
            .collect();
        while patience.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let full = Err(Impatient::Full(Limited { retry_after_seconds: 60 }));
        let began = tokio::time::Instant::now();
        assert_eq!(patience.check(&limiter, &clock, IP, &Method::PUT).await, full);
        assert_eq!(began.elapsed(), Duration::ZERO, "one too many is told at once");
        for one in waiting {
            assert_eq!(one.await.unwrap(), full);
        }
        let response = Impatient::Full(Limited { retry_after_seconds: 7 }).response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &"7".parse().unwrap())
        );
    }
}
