//! Browsers that a person trusts: at a login from one, no second factor is asked for. Never a fresh proof.

use super::{Mfa, MfaError, methods::unknown, webauthn::random_handle};
use crate::{
    core::{
        Secret, Timestamp,
        id::{DeviceId, UserId},
    },
    identity::{cookie, token::TokenHash},
    store::DeviceRow,
};
use http::{HeaderMap, HeaderValue};
use std::{net::IpAddr, time::Duration};

/// Where a login comes from.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    pub ip: IpAddr,
    pub user_agent: &'a str,
}

/// The name of the cookie.
const NAME: &str = "rgw_trusted_device";

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

    /// The same, asked of the headers of a request.
    pub async fn is_trusted_browser(
        &self,
        user: UserId,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<bool, MfaError> {
        // A browser has one; more were planted, and cost a look each.
        for value in cookie::all(headers, NAME).take(2) {
            if self.is_trusted(user, value, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub async fn distrust(&self, user: UserId, device: DeviceId, now: Timestamp) -> Result<(), MfaError> {
        self.db().revoke_trusted_device(user, device, now).await.map_err(unknown("trusted device"))
    }
}

/// The value of `Set-Cookie`.
pub fn set_cookie(secret: &Secret, lifetime: Duration, secure: cookie::SessionCookie) -> HeaderValue {
    let flag = if secure.is_secure() { "; Secure" } else { "" };
    let (value, seconds) = (secret.expose(), lifetime.as_secs());
    let text = format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Lax{flag}; Max-Age={seconds}");
    let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(most).collect()
}
