//! The session at the end of every login in a browser, and the browser's own cookie, by which it is known again.
//!
//! That cookie lets nobody in. Who has it only keeps the person from being told of a login from a new browser.

use super::{ApiError, Context, Edge, cookie};
use crate::{
    core::{Secret, Timestamp},
    identity::{
        Channel, cookie as cookies,
        session::{Device, NewSession},
        token::TokenHash,
    },
    notify::mail::Notice,
    store::{SessionRow, UserRow},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue,
    header::{SET_COOKIE, USER_AGENT},
};
use rand::Rng as _;
use serde::Serialize;
use utoipa::ToSchema;

const NAME: &str = "rgw_browser";
/// Seconds; no longer than sessions are remembered.
const LIFE: u64 = 90 * 24 * 60 * 60;
/// 32 bytes in base64url.
const LENGTH: usize = 43;

/// Who has logged in, and how.
#[derive(Debug)]
pub struct WebLogin<'a> {
    pub user: &'a UserRow,
    pub method: String,
    /// When a second factor was proved in the course of it.
    pub step_up: Option<Timestamp>,
}

/// What the browser is handed.
#[derive(Debug)]
pub struct Begun {
    secret: Secret,
    browser: Secret,
}

/// Where the browser goes next: a path of ours.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Onward {
    pub redirect: &'static str,
}

/// Begins a session. What the browser sent along as a session is not looked at, let alone taken over.
pub async fn begin(
    context: &Context,
    edge: Edge,
    headers: &HeaderMap,
    login: WebLogin<'_>,
) -> Result<Begun, ApiError> {
    let WebLogin { user, method, step_up } = login;
    let browser = known(headers).unwrap_or_else(random);
    let device = Device { id: mark(&browser), name: String::new() };
    let before = context.db.sessions_of(user.id).await?;
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = before.iter().any(|session| is_of(session, &device.id));
    let new = NewSession {
        user: user.id,
        channel: Channel::Web,
        method,
        step_up,
        device,
        ip: edge.ip,
        user_agent: agent.to_owned(),
    };
    let (secret, _) = context.sessions.open(new).await?;
    if !is_known {
        let notice = Notice::NewDevice { device: "a browser", ip: edge.ip, user_agent: agent };
        context.mailer.queue(&notice, &user.email).await;
    }
    Ok(Begun { secret, browser })
}

impl Begun {
    pub fn set(&self, context: &Context, headers: &mut HeaderMap) {
        cookie::set_session(context, headers, &self.secret);
        let secure = if context.entrance.cookie.is_secure() { "; Secure" } else { "" };
        let value = self.browser.expose();
        let text = format!("{NAME}={value}; Path=/; Max-Age={LIFE}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(mut header) = HeaderValue::from_str(&text) {
            header.set_sensitive(true);
            headers.append(SET_COOKIE, header);
        }
    }
}

fn is_of(session: &SessionRow, device: &str) -> bool {
    session.channel == Channel::Web.as_str() && session.device_id == device
}

fn known(headers: &HeaderMap) -> Option<Secret> {
    let is_ours =
        |value: &&str| value.len() == LENGTH && URL_SAFE_NO_PAD.decode(value).is_ok_and(|id| id.len() == 32);
    cookies::all(headers, NAME).find(is_ours).map(Secret::new)
}

fn random() -> Secret {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of it, for the list of one's sessions shows it.
fn mark(browser: &Secret) -> String {
    hex::encode(TokenHash::of(browser.expose()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::COOKIE;

    fn sent(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn only_what_was_made_here_is_taken_up() {
        let ours = random();
        let read = |cookie: &str| known(&sent(cookie)).map(|found| found.expose().to_owned());
        let text = ours.expose();
        assert_eq!(read(&format!("a=b; {NAME}={text}")), Some(text.to_owned()));
        for bad in ["", "x", &"=".repeat(LENGTH), &"a".repeat(LENGTH + 1), &text[..LENGTH - 1]] {
            assert_eq!(read(&format!("{NAME}={bad}")), None, "{bad}");
        }
        assert_eq!(known(&HeaderMap::new()).map(|_| ()), None);
        assert!(!mark(&ours).contains(text));
    }
}
