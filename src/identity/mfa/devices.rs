//! Browsers that a person trusts: at a login from one, no second factor is asked for. Never a fresh proof.

use super::{Mfa, MfaError, methods::unknown, webauthn::random_handle};
use crate::{
    core::{
        Secret, Timestamp,
        id::{DeviceId, UserId},
    },
    identity::token::TokenHash,
    store::DeviceRow,
};
use std::{net::IpAddr, time::Duration};

/// Where a login comes from.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    pub ip: IpAddr,
    pub user_agent: &'a str,
}

const LONGEST_AGENT: usize = 512;
const LONGEST_LABEL: usize = 80;
/// Of the cookie: 32 bytes in base64url.
const COOKIE: usize = 43;

impl Mfa {
    /// Trusts the browser; the value of its cookie is given once.
    pub async fn trust(
        &self,
        user: UserId,
        browser: Browser<'_>,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Secret, MfaError> {
        let cookie = random_handle();
        let device = DeviceRow {
            id: DeviceId::new(now),
            user_id: user,
            hash: TokenHash::of(cookie.expose()).as_bytes().to_vec(),
            label: printable(browser.user_agent, LONGEST_LABEL),
            ip: browser.ip.to_string(),
            user_agent: printable(browser.user_agent, LONGEST_AGENT),
            created_at: now,
            last_used_at: None,
            expires_at: now.saturating_add(lifetime),
            revoked_at: None,
        };
        self.db().add_trusted_device(&device).await?;
        Ok(cookie)
    }

    /// Whether this person trusts the browser with this cookie. Another person's cookie counts for nothing.
    pub async fn is_trusted(&self, user: UserId, cookie: &str, now: Timestamp) -> Result<bool, MfaError> {
        if cookie.len() != COOKIE {
            return Ok(false);
        }
        Ok(self.db().use_trusted_device(user, TokenHash::of(cookie).as_bytes(), now).await?)
    }

    pub async fn distrust(&self, user: UserId, device: DeviceId, now: Timestamp) -> Result<(), MfaError> {
        self.db().revoke_trusted_device(user, device, now).await.map_err(unknown("trusted device"))
    }
}

fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(most).collect()
}
