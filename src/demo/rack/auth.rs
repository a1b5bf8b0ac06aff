//! Who calls: HTTP Basic with the rack's password, or `jwt` with a token that the rack gave out.

use super::{reply::Refusal, shared::Shared};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, header};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Role {
    Read,
    Write,
    Admin,
}

impl Role {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// What a plain call needs: reading is only GET, not even HEAD or OPTIONS.
    pub fn needed_for(method: &Method) -> Self {
        if method == Method::GET { Self::Read } else { Self::Write }
    }
}

/// The role that these headers prove.
pub fn identify(shared: &Shared, headers: &HeaderMap) -> Option<Role> {
    let (user, password) = basic(headers)?;
    if user == "jwt" {
        let now = shared.now();
        let world = shared.world();
        let token = world.tokens.iter().find(|token| token.secret.matches(&password) && token.expires > now);
        return token.map(|token| token.role);
    }
    shared.password.matches(&password).then_some(Role::Admin)
}

/// # Errors
/// [`Refusal::Unauthenticated`] without a role, [`Refusal::Unauthorized`] with one that is too small.
pub fn require(grant: Option<Role>, needed: Role) -> Result<(), Refusal> {
    match grant {
        None => Err(Refusal::Unauthenticated),
        Some(role) if role < needed => Err(Refusal::Unauthorized),
        Some(_) => Ok(()),
    }
}

/// User and password, not percent-decoded: the real rack does not decode them either.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<(String, String)> {
        basic(&HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]))
    }

    #[test]
    fn reads_basic() {
        assert_eq!(parse("Basic Y29udm94OmE6Yg=="), Some(("convox".into(), "a:b".into())));
        assert_eq!(parse("basic Y29udm94OmE6Yg=="), Some(("convox".into(), "a:b".into())));
        for bad in ["Bearer x", "Basic", "Basic %%%", "Basic Y29udm94"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_get_is_reading() {
        assert_eq!(Role::needed_for(&Method::GET), Role::Read);
        for method in [Method::HEAD, Method::OPTIONS, Method::POST] {
            assert_eq!(Role::needed_for(&method), Role::Write);
        }
        assert!(require(Some(Role::Admin), Role::Write).is_ok());
        assert!(matches!(require(Some(Role::Read), Role::Write), Err(Refusal::Unauthorized)));
    }
}
