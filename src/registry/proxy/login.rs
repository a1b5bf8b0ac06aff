//! How the gateway shows itself to the registry behind: not at all, by a password, or by a token that it signs for each
//! request and that is good for this request alone: what distribution verifies with `auth.token`.

use crate::{
    core::{Secret, SharedClock, jws::Jws},
    registry::model::RepositoryName,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// In seconds. Registries look at a token when a request begins.
const LIFETIME: i64 = 60;

pub enum Login {
    None,
    Basic(HeaderValue),
    Signed(Signer),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(_) => "Basic([REDACTED])",
            Self::Signed(_) => "Signed([REDACTED])",
        })
    }
}

impl Login {
    pub fn basic(user: &str, password: &Secret) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        // Base64 always fits into a header.
        let mut value =
            HeaderValue::from_str(&format!("Basic {pair}")).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        Self::Basic(value)
    }

    pub(super) fn sign(&self, headers: &mut HeaderMap, access: &Access<'_>) {
        let value = match self {
            Self::None => return,
            Self::Basic(value) => value.clone(),
            Self::Signed(signer) => {
                let token = signer.token(access);
                let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else { return };
                value.set_sensitive(true);
                value
            }
        };
        headers.insert(header::AUTHORIZATION, value);
    }
}

/// What one request may do, and on whose behalf it is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Access<'a> {
    subject: Option<&'a str>,
    repositories: Vec<(&'a RepositoryName, &'static [&'static str])>,
    catalog: bool,
}

impl<'a> Access<'a> {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn catalog() -> Self {
        Self { catalog: true, ..Self::default() }
    }

    pub fn pull(repository: &'a RepositoryName, subject: Option<&'a Arc<str>>) -> Self {
        Self::on(repository, &["pull"], subject)
    }

    /// Who pushes reads, too: so registries want it.
    pub fn push(repository: &'a RepositoryName, subject: Option<&'a Arc<str>>) -> Self {
        Self::on(repository, &["pull", "push"], subject)
    }

    pub fn delete(repository: &'a RepositoryName, subject: Option<&'a Arc<str>>) -> Self {
        Self::on(repository, &["delete"], subject)
    }

    pub fn and_pull(mut self, repository: &'a RepositoryName) -> Self {
        self.repositories.push((repository, &["pull"]));
        self
    }

    fn on(
        repository: &'a RepositoryName,
        actions: &'static [&'static str],
        subject: Option<&'a Arc<str>>,
    ) -> Self {
        Self {
            subject: subject.map(|text| &**text),
            repositories: vec![(repository, actions)],
            catalog: false,
        }
    }

    fn entries(&self) -> Vec<Value> {
        let repositories = self
            .repositories
            .iter()
            .map(|(name, actions)| json!({"type": "repository", "name": name.as_str(), "actions": actions}));
        let catalog = self.catalog.then(|| json!({"type": "registry", "name": "catalog", "actions": ["*"]}));
        repositories.chain(catalog).collect()
    }
}

/// Signs tokens, as JWT (RFC 7519).
#[derive(Clone)]
pub struct Signer {
    jws: Jws,
    issuer: String,
    audience: String,
    clock: SharedClock,
}

impl Signer {
    pub fn new(seed: &[u8; 32], issuer: &str, audience: &str, clock: SharedClock) -> Self {
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Self { jws: Jws::published(seed), issuer, audience, clock }
    }

    /// The set of keys that the registry behind is to trust, as its `auth.token.jwks` wants it.
    pub fn jwks(&self) -> Value {
        self.jws.key_set()
    }

    fn token(&self, access: &Access<'_>) -> String {
        let now = self.clock.now().as_micros() / 1_000_000;
        self.jws.sign(&json!({
            "iss": self.issuer,
            "sub": access.subject.unwrap_or("gateway"),
            "aud": self.audience,
            "iat": now,
            "nbf": now - 1,
            "exp": now + LIFETIME,
            "jti": format!("{:032x}", rand::random::<u128>()),
            "access": access.entries(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Timestamp, clock::FixedClock};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn read(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_token_says_what_this_request_may_do() {
        let clock = FixedClock::at(Timestamp::from_micros(1_000_000_000));
        let signer = Signer::new(&[7; 32], "rack-gateway", "registry", clock);
        let (own, from): (RepositoryName, RepositoryName) =
            ("team/app".parse().unwrap(), "base/os".parse().unwrap());
        let subject: Arc<str> = "user:1".into();
        let token = signer.token(&Access::push(&own, Some(&subject)).and_pull(&from));
        let parts: Vec<_> = token.split('.').collect();
        let claims = read(parts[1]);
        assert_eq!(read(parts[0])["kid"], signer.jwks()["keys"][0]["kid"]);
        assert_eq!((claims["exp"].as_i64(), claims["sub"].as_str()), (Some(1_060), Some("user:1")));
        let expected = json!([
            {"type": "repository", "name": "team/app", "actions": ["pull", "push"]},
            {"type": "repository", "name": "base/os", "actions": ["pull"]},
        ]);
        assert_eq!(claims["access"], expected);
        assert_ne!(token, signer.token(&Access::push(&own, Some(&subject)).and_pull(&from)), "each is new");
        assert_eq!(
            read(signer.token(&Access::catalog()).split('.').nth(1).unwrap())["access"][0]["name"],
            "catalog"
        );
    }

    #[test]
    fn nothing_of_a_login_is_printed() {
        let text = format!("{:?}", Login::basic("me", &"hunter2".into()));
        assert!(!text.contains("me:") && !text.contains("hunter2") && text.contains("REDACTED"));
    }
}
