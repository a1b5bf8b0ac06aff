//! So many requests a minute for each client address.

use super::Timestamp;
use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

const WINDOW_MICROS: i64 = 60_000_000;
const SHARDS: usize = 64;
/// With all shards about a quarter of a million addresses and 15 MiB.
const MAX_TRACKED_A_SHARD: usize = 4096;

/// Counts in fixed windows: a client's minute begins with its first request. IPv6 clients are counted by /64, which
/// is what one of them is given.
///
/// Memory is bounded. When a shard is full of clients whose minute still runs, newcomers to it share one budget:
/// a flood from countless addresses is then limited as a whole, and known clients keep their own.
#[derive(Debug)]
pub struct RateLimiter {
    per_window: AtomicU32,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

/// The client has used up its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// Until its window ends: 1 to 60.
    pub retry_after_seconds: u8,
}

#[derive(Debug, Default)]
struct Shard {
    windows: HashMap<u128, Window>,
    newcomers: Option<Window>,
    swept: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    used: u32,
}

impl RateLimiter {
    pub fn new(per_minute: u32) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { per_window: AtomicU32::new(per_minute), hasher: RandomState::new(), shards }
    }

    /// From now on so many. What was counted in running windows stays.
    pub fn allow(&self, per_minute: u32) {
        self.per_window.store(per_minute, Relaxed);
    }

    /// Counts one request of `ip`, which should be the one that `http::client_ip::ClientIp::resolve` found.
    pub fn check(&self, ip: IpAddr, now: Timestamp) -> Result<(), Limited> {
        let client = client_key(ip);
        let Some(mut shard) = self.shard(client) else { return Ok(()) };
        shard.window(client, now).take(self.per_window.load(Relaxed), now)
    }

    /// Addresses that are remembered now.
    pub fn tracked(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).windows.len()).sum()
    }

    fn shard(&self, client: u128) -> Option<MutexGuard<'_, Shard>> {
        let index = self.hasher.hash_one(client) as usize % SHARDS;
        self.shards.get(index).map(lock)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn client_key(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

impl Shard {
    fn window(&mut self, client: u128, now: Timestamp) -> &mut Window {
        if has_passed(self.swept, now) {
            self.sweep(now);
        }
        if self.windows.len() < MAX_TRACKED_A_SHARD || self.windows.contains_key(&client) {
            self.windows.entry(client).or_insert(Window { began: now, used: 0 })
        } else {
            self.newcomers.get_or_insert(Window { began: now, used: 0 })
        }
    }

    /// Once a window, so that each entry is visited about once for the requests that made it.
    fn sweep(&mut self, now: Timestamp) {
        self.swept = now;
        self.windows.retain(|_, window| !has_passed(window.began, now));
        self.windows.shrink_to(MAX_TRACKED_A_SHARD / 16);
    }
}

impl Window {
    fn take(&mut self, budget: u32, now: Timestamp) -> Result<(), Limited> {
        if has_passed(self.began, now) {
            *self = Self { began: now, used: 0 };
        }
        if self.used < budget {
            self.used += 1;
            return Ok(());
        }
        let left = WINDOW_MICROS - (now.as_micros() - self.began.as_micros());
        Err(Limited { retry_after_seconds: (left + 999_999).div_euclid(1_000_000).clamp(1, 60) as u8 })
    }
}

/// A window that lies in the future, because the clock was set back, has passed too.
fn has_passed(began: Timestamp, now: Timestamp) -> bool {
    !(0..WINDOW_MICROS).contains(&now.as_micros().saturating_sub(began.as_micros()))
}

impl Limited {
    /// 429 as published: `Retry-After` is the whole window, the body names the seconds that remain.
    pub fn response(self) -> Response<Full<Bytes>> {
        let body = format!(
            r#"{{"statusCode":429,"error":"Too Many Requests","message":"Rate limit exceeded, retry in {}s"}}"#,
            self.retry_after_seconds
        );
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_micros(1_769_860_800_000_000 + (seconds * 1e6) as i64)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn limited(seconds: u8) -> Result<(), Limited> {
        Err(Limited { retry_after_seconds: seconds })
    }

    #[test]
    fn request_1201_of_a_minute_is_refused() {
        let limiter = RateLimiter::new(1200);
        for _ in 0..1200 {
            assert_eq!(limiter.check(ip("192.0.2.1"), at(0.0)), Ok(()));
        }
        assert_eq!(limiter.check(ip("192.0.2.1"), at(0.0)), limited(60));
        assert_eq!(limiter.check(ip("192.0.2.1"), at(30.5)), limited(30));
        assert_eq!(limiter.check(ip("192.0.2.1"), at(59.9)), limited(1));
        assert_eq!(limiter.check(ip("192.0.2.2"), at(30.0)), Ok(()), "others are not concerned");
        assert_eq!(limiter.check(ip("192.0.2.1"), at(60.0)), Ok(()));
    }

    #[test]
    fn one_client_one_budget() {
        for (first, second, shared) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let limiter = RateLimiter::new(1);
            assert_eq!(limiter.check(ip(first), at(0.0)), Ok(()));
            assert_eq!(limiter.check(ip(second), at(1.0)).is_err(), shared, "{first} {second}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limiter = RateLimiter::new(1);
        assert_eq!(limiter.check(ip("192.0.2.1"), at(3600.0)), Ok(()));
        assert_eq!(limiter.check(ip("192.0.2.1"), at(0.0)), Ok(()));
        assert_eq!(limiter.check(ip("192.0.2.1"), at(0.0)), limited(60));
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let limiter = RateLimiter::new(2);
        assert_eq!(limiter.check(ip("192.0.2.1"), at(0.0)), Ok(()));
        let flood = |seconds: f64| {
            let each =
                (0..400_000u32).map(|host| IpAddr::from(0x0a00_0000u32.wrapping_add(host).to_be_bytes()));
            each.filter(|ip| limiter.check(*ip, at(seconds)).is_ok()).count()
        };
        let let_through = flood(1.0);
        assert_eq!(limiter.tracked(), SHARDS * MAX_TRACKED_A_SHARD);
        assert!(let_through <= SHARDS * (MAX_TRACKED_A_SHARD + 2), "newcomers share a budget");
        assert_eq!(limiter.check(ip("192.0.2.1"), at(2.0)), Ok(()), "a known client keeps its own");
        for host in 0..1_000u32 {
            let _ = limiter.check(IpAddr::from(0xc633_6400u32.wrapping_add(host).to_be_bytes()), at(70.0));
        }
        assert!(limiter.tracked() <= 1_000);
    }

    #[tokio::test]
    async fn the_published_answer() {
        let response = Limited { retry_after_seconds: 17 }.response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[RETRY_AFTER], "60");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected =
            r#"{"statusCode":429,"error":"Too Many Requests","message":"Rate limit exceeded, retry in 17s"}"#;
        assert_eq!(body, expected);
    }
}
