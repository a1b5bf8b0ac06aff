//! The cookie that carries a session's secret in a browser. It counts for the gateway's own API and pages only;
//! nothing that is passed on to a rack, a registry or a service is decided by it.

use super::credential::Presented;
use crate::core::Secret;
use http::{HeaderMap, HeaderValue, header::COOKIE};

/// Its name and flags. With `Secure` the name carries the prefix that makes browsers refuse it from anybody else's
/// host, path or plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    secure: bool,
}

impl SessionCookie {
    pub const fn new(secure: bool) -> Self {
        Self { secure }
    }

    pub const fn is_secure(self) -> bool {
        self.secure
    }

    pub const fn name(self) -> &'static str {
        if self.secure { "__Host-session_token" } else { "session_token" }
    }

    /// The value of `Set-Cookie`. Without an age: it ends with the browser, the session in any case at its limit.
    pub fn set(self, secret: &Secret) -> HeaderValue {
        self.header(secret.expose(), "")
    }

    /// Makes the browser forget it.
    pub fn clear(self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, age: &str) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.name());
        let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }

    /// The secret that the browser sent, if any. Two different ones mean that somebody planted one.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<(Presented, Secret)> {
        let mut found: Option<&str> = None;
        for value in all(headers, self.name()) {
            match found {
                None => found = Some(value),
                Some(first) if first == value => {}
                Some(_) => {
                    let why = "the browser sent two session cookies; delete the cookies of this site";
                    return Some((Presented::Unusable(why), Secret::default()));
                }
            }
        }
        found
            .filter(|value| !value.is_empty())
            .map(|value| (Presented::from_cookie(value), Secret::new(value)))
    }
}

/// The values of every cookie of this name.
pub fn all<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::token;

    fn sent(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn flags_and_size() {
        let secret = token::generate_session();
        for cookie in [SessionCookie::new(true), SessionCookie::new(false)] {
            for header in [cookie.set(&secret), cookie.clear()] {
                let text = header.to_str().unwrap();
                assert!(text.len() < 512, "{text}");
                assert!(text.contains("; Path=/; HttpOnly; SameSite=Lax"), "{text}");
                assert_eq!(text.contains("; Secure"), cookie.is_secure());
                assert_eq!(text.starts_with("__Host-session_token="), cookie.is_secure());
                assert!(!text.contains("Domain"));
                assert!(header.is_sensitive());
            }
        }
    }

    #[test]
    fn read_among_others() {
        let secret = token::generate_session();
        let cookie = SessionCookie::new(false);
        let line = format!("a=b; session_token={}; c", secret.expose());
        let (presented, read) = cookie.read(&sent(&["x=y", &line])).unwrap();
        assert!(matches!(presented, Presented::Session(_)));
        assert_eq!(read.expose(), secret.expose());
        assert!(cookie.read(&sent(&["session_token="])).is_none());
        assert!(cookie.read(&sent(&["my_session_token=x", "__Host-session_token=x"])).is_none());
        assert!(
            SessionCookie::new(true).read(&sent(&[&line])).is_none(),
            "the name without prefix is nobody's"
        );
    }

    #[test]
    fn two_different_ones_are_refused() {
        let (one, two) = (token::generate_session(), token::generate_session());
        let line = format!("session_token={}; session_token={}", one.expose(), two.expose());
        let (presented, _) = SessionCookie::new(false).read(&sent(&[&line])).unwrap();
        assert!(matches!(presented, Presented::Unusable(_)));
    }
}
