//! Guesses at API tokens, all of which have the right shape and checksum.

use crate::Kind;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use rack_gateway::identity::{AccessSnapshot, Presented, authenticate, session::IdleLimits, token};
use rack_gateway::{
    core::{Timestamp, id::TokenId},
    store::{Db, GrantRow, NewToken, Subject, TokenRow},
};
use rack_gateway_bench::Outcome;
use std::time::{Duration, Instant};

const TOKENS: usize = 500;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub struct Tokens {
    snapshot: AccessSnapshot,
    real: Vec<String>,
    now: Timestamp,
}

impl Tokens {
    pub async fn open(db: &Db, now: Timestamp) -> Outcome<Self> {
        let user = db.add_user("ada@example.com", "Ada", now).await?.id;
        db.add_grant(&GrantRow::new(Subject::User(user), "viewer", "*", None, now)).await?;
        let mut real = Vec::with_capacity(TOKENS);
        for number in 0..TOKENS {
            let secret = token::generate();
            let row = TokenRow::new(user, format!("token-{number}"), token::TokenHash::of(secret.expose()).as_bytes(), now);
            db.add_token(&NewToken { token: row, grants: Vec::new() }).await?;
            real.push(secret.expose().to_owned());
        }
        let rows = db.access_rows(now).await?;
        let snapshot = AccessSnapshot::compile(&rows, IdleLimits::default());
        Ok(Self { snapshot, real, now })
    }

    /// From the header to the refusal.
    pub fn guess(&self, number: usize, kind: Kind) -> Outcome<Duration> {
        let real = self.real.get(number % self.real.len()).ok_or("no token")?;
        let other = token::generate();
        let kept = match kind {
            Kind::Near => 40,
            Kind::Far => token::PREFIX.len(),
        };
        let guess = signed(format!("{}{}", real.get(..kept).unwrap_or_default(), body(other.expose(), kept)));
        if !token::is_well_formed(&guess) || guess == *real {
            return Err("the guess is not one".into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {guess}"))?);
        let begin = Instant::now();
        let outcome = authenticate(&self.snapshot, &Presented::read(&headers), self.now);
        let took = begin.elapsed();
        match outcome {
            Ok(_) => Err("a guess was let in".into()),
            Err(_) => Ok(took),
        }
    }
}

/// What stands between the first `kept` characters and the checksum.
fn body(token: &str, kept: usize) -> &str {
    token.get(kept..token.len() - 6).unwrap_or_default()
}

/// With the checksum: CRC-32 in base 62.
fn signed(text: String) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (0xEDB8_8320 * low);
        }
    }
    let mut rest = !crc;
    let mut digits = Vec::with_capacity(6);
    for _ in 0..6 {
        digits.extend(DIGITS.get((rest % 62) as usize).map(|digit| char::from(*digit)));
        rest /= 62;
    }
    text + &digits.into_iter().rev().collect::<String>()
}
