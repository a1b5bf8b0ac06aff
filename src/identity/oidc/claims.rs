//! The claims of a token whose signature is good, read without mercy: a claim of the wrong type is no claim.
//! OpenID Connect Core 1.0, sections 3.1.3.7 and 5.1.

use super::{Object, VouchError};
use crate::{config::OidcConfig, core::Timestamp, identity::email};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Clocks differ by so much, in seconds.
const SKEW: i64 = 60;
/// A token is issued for this login, so not long ago.
const OLDEST: i64 = 10 * 60;
const LONGEST_LIFE: i64 = 31 * 24 * 3_600;
/// The standard's limit.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_NAME: usize = 200;

/// Google's own issuer says by `hd` which organization an account belongs to; an address alone does not say so.
const GOOGLE: &str = "https://accounts.google.com";

/// What the token must be about.
pub struct Expected<'a> {
    pub client_id: &'a str,
    pub issuer: &'a str,
}

#[derive(Debug)]
pub struct IdClaims {
    registered: Registered,
    payload: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Registered {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    azp: Option<String>,
    #[serde(default, deserialize_with = "present")]
    at_hash: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is(&self, client_id: &str) -> bool {
        match self {
            Self::One(one) => one == client_id,
            Self::Many(many) => matches!(many.as_slice(), [one] if one == client_id),
        }
    }
}

/// `null` is not the same as absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl IdClaims {
    /// From a token in compact form; says nothing about its signature.
    pub fn read(token: &str) -> Result<Self, VouchError> {
        let unreadable = || VouchError::BadToken("its claims cannot be read");
        let payload = token.split('.').nth(1).ok_or_else(unreadable)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| unreadable())?;
        let registered = serde_json::from_slice(&payload).map_err(|_| unreadable())?;
        Ok(Self { registered, payload })
    }

    pub fn subject(&self) -> &str {
        &self.registered.sub
    }

    pub fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), VouchError> {
        let Registered { iss, sub, aud, exp, iat, nbf, azp, at_hash } = &self.registered;
        let now = now.as_micros().div_euclid(1_000_000);
        let at_hash_is_empty = at_hash.as_ref().is_some_and(String::is_empty);
        let rules = [
            (iss == expected.issuer, "somebody else issued it"),
            (aud.is(expected.client_id), "it is meant for somebody else"),
            (azp.as_ref().is_none_or(|azp| azp == expected.client_id), "it was issued to somebody else"),
            (now < *exp, "it has expired"),
            (*iat <= now.saturating_add(SKEW), "it was issued in the future"),
            (*iat >= now.saturating_sub(OLDEST), "it was issued too long ago"),
            (exp.saturating_sub(*iat) <= LONGEST_LIFE, "it is valid for too long"),
            (nbf.is_none_or(|nbf| nbf <= now.saturating_add(SKEW)), "it is not valid yet"),
            (!at_hash_is_empty, "at_hash is empty"),
            (is_subject(sub), "its subject is none"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(VouchError::BadToken(why)),
            None => Ok(()),
        }
    }

    pub fn profile(&self) -> Result<Profile, VouchError> {
        Profile::read(&self.payload)
    }
}

fn is_subject(sub: &str) -> bool {
    (1..=LONGEST_SUBJECT).contains(&sub.len())
        && sub.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// What is said about the person.
#[derive(Debug)]
pub struct Profile {
    known: Standard,
    all: Object,
}

#[derive(Debug, Deserialize)]
struct Standard {
    #[serde(default, deserialize_with = "present")]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    email_verified: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    hd: Option<String>,
}

impl Profile {
    fn read(payload: &[u8]) -> Result<Self, VouchError> {
        let unreadable = |_| VouchError::BadToken("its claims about the person cannot be read");
        let known = serde_json::from_slice(payload).map_err(unreadable)?;
        let all = serde_json::from_slice(payload).map_err(unreadable)?;
        Ok(Self { known, all })
    }

    /// The userinfo endpoint's answer counts only for the person whom the ID token is about.
    pub fn of_userinfo(body: &[u8], subject: &str) -> Result<Self, VouchError> {
        let profile = Self::read(body)?;
        match profile.all.get("sub") {
            Some(Value::String(sub)) if sub == subject => Ok(profile),
            _ => Err(VouchError::BadToken("userinfo is about somebody else")),
        }
    }

    pub fn lacks_email(&self) -> bool {
        self.known.email.is_none()
    }

    pub fn has(&self, claim: &str) -> bool {
        self.all.contains_key(claim)
    }

    /// Takes over what is missing. Address and verification come from one source, never one from each.
    pub fn completed_by(mut self, more: Self) -> Self {
        if self.known.email.is_none() {
            self.known.email = more.known.email;
            self.known.email_verified = more.known.email_verified;
        }
        self.known.name = self.known.name.or(more.known.name);
        self.known.hd = self.known.hd.or(more.known.hd);
        for (claim, value) in more.all {
            self.all.entry(claim).or_insert(value);
        }
        self
    }

    /// The address, if the provider vouches for it and it may come in.
    pub fn email_of(&self, config: &OidcConfig) -> Result<String, VouchError> {
        let given = self.known.email.as_deref().ok_or(VouchError::EmailUnverified)?;
        if self.known.email_verified != Some(true) {
            return Err(VouchError::EmailUnverified);
        }
        let email = email::canonical(given).map_err(|_| VouchError::EmailUnverified)?;
        if email.len() != given.len() {
            // Blanks around it: read one way here, perhaps another way there.
            return Err(VouchError::EmailUnverified);
        }
        if config.allowed_domains.is_empty() {
            return Ok(email);
        }
        let domain = email.rsplit('@').next().unwrap_or_default();
        let is_allowed = |domain: &str| config.allowed_domains.iter().any(|allowed| allowed == domain);
        let organization_fits = match &self.known.hd {
            Some(hd) => is_allowed(&hd.to_ascii_lowercase()),
            None => config.issuer != GOOGLE,
        };
        if is_allowed(domain) && organization_fits { Ok(email) } else { Err(VouchError::NotAllowed) }
    }

    pub fn name(&self) -> String {
        let name = self.known.name.as_deref().unwrap_or_default();
        name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect::<String>().trim().to_owned()
    }

    /// A list of texts, or one text; anything else is no group.
    pub fn groups(&self, claim: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.all.get(claim) {
            Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}
