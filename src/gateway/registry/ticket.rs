//! The short tokens that `/token` hands out: who the bearer is, for five minutes, and nothing of what they may do.
//! Rights are looked up anew with each request, so that a revocation does not wait for a token to expire.
//!
//! Only what this gateway signed, under the one header that it writes, is accepted.

use crate::core::{
    SharedClock, Timestamp,
    id::{SessionId, TokenId},
    jws::{Jws, seed_for},
};
use serde::{Deserialize, Serialize};
use std::fmt;

const AUDIENCE: &str = "registry";
/// What clients are told, in seconds.
pub const LIFETIME: i64 = 300;
/// For how long after that a ticket is still good: clients count from when the answer reached them.
const LEEWAY: i64 = 60;
/// The same for the next step of an upload.
const UPLOAD_LEEWAY: i64 = 3_600;

/// What a ticket is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Anything,
    /// To go on with an upload. Clients that sent a large layer with one ticket close it with the same, however long
    /// it took. The upload is its beginner's, and rights are looked up as ever.
    Upload,
}

impl Purpose {
    const fn leeway(self) -> i64 {
        match self {
            Self::Anything => LEEWAY,
            Self::Upload => UPLOAD_LEEWAY,
        }
    }
}

/// Who a ticket names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Anonymous,
    Token(TokenId),
    Session(SessionId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
}

#[derive(Clone, Debug)]
pub struct Tickets {
    jws: Jws,
    clock: SharedClock,
}

impl Tickets {
    /// All replicas must be given the same secret: a ticket of one is shown to another.
    pub fn new(secret: &[u8], clock: SharedClock) -> Self {
        Self { jws: Jws::private(&seed_for("rack-gateway registry tickets", secret)), clock }
    }

    /// The ticket and the moment it was made.
    pub fn issue(&self, subject: Subject) -> (String, Timestamp) {
        let now = self.clock.now();
        let iat = now.as_micros() / 1_000_000;
        let claims = Claims { aud: AUDIENCE.to_owned(), sub: subject.to_string(), iat, exp: iat + LIFETIME };
        (self.jws.sign(&claims), now)
    }

    /// `None` for whatever this gateway did not sign, or that has expired.
    pub fn read(&self, ticket: &str, purpose: Purpose) -> Option<Subject> {
        let claims: Claims = self.jws.open(ticket)?;
        let now = self.clock.now().as_micros() / 1_000_000;
        let is_in_time =
            claims.iat <= now.saturating_add(LEEWAY) && now < claims.exp.saturating_add(purpose.leeway());
        (claims.aud == AUDIENCE && is_in_time).then(|| Subject::parse(&claims.sub))?
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
        }
    }
}

impl Subject {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "anonymous" => Some(Self::Anonymous),
            Some(("token", id)) => id.parse().ok().map(Self::Token),
            Some(("session", id)) => id.parse().ok().map(Self::Session),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::FixedClock;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use ed25519_dalek::{Signer as _, SigningKey};

    fn at(seconds: i64) -> Tickets {
        Tickets::new(b"seed", FixedClock::at(Timestamp::from_micros(seconds * 1_000_000)))
    }

    fn forged(header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = SigningKey::from_bytes(&seed_for("rack-gateway registry tickets", b"seed"));
        let signature = key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    const HEAD: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
    const GOOD: &str = r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":1300}"#;

    #[test]
    fn a_ticket_names_its_bearer_until_it_expires() {
        let id = TokenId::new(Timestamp::from_micros(5));
        let (ticket, _) = at(1_000).issue(Subject::Token(id));
        assert_eq!(at(1_000).read(&ticket, Purpose::Anything), Some(Subject::Token(id)));
        assert_eq!(at(1_359).read(&ticket, Purpose::Anything), Some(Subject::Token(id)));
        assert_eq!(at(1_360).read(&ticket, Purpose::Anything), None);
        assert_eq!(at(900).read(&ticket, Purpose::Anything), None, "from the future");
        assert_eq!(at(1_360).read(&ticket, Purpose::Upload), Some(Subject::Token(id)));
        assert_eq!(at(1_300 + 3_600).read(&ticket, Purpose::Upload), None);
        let other = Tickets::new(b"other", FixedClock::at(Timestamp::from_micros(1_000_000_000)));
        assert_eq!(other.read(&ticket, Purpose::Anything), None);
        for end in 0..ticket.len() {
            assert_eq!(at(1_000).read(&ticket[..end], Purpose::Anything), None, "a prefix of {end}");
        }
    }

    #[test]
    fn cve_2025_24976_no_header_but_ours_is_accepted() {
        assert_eq!(at(1_000).read(&forged(HEAD, GOOD), Purpose::Anything), Some(Subject::Anonymous));
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"eddsa","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","kid":"x"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","jwk":{}}"#,
            r#"{"typ":"JWT","alg":"EdDSA"}"#,
            "",
        ] {
            assert_eq!(at(1_000).read(&forged(header, GOOD), Purpose::Anything), None, "{header}");
        }
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(HEAD), URL_SAFE_NO_PAD.encode(GOOD));
        assert_eq!(at(1_000).read(&unsigned, Purpose::Anything), None);
        let zero = URL_SAFE_NO_PAD.encode([0u8; 64]);
        assert_eq!(at(1_000).read(&format!("{unsigned}{zero}"), Purpose::Anything), None);
    }

    #[test]
    fn cve_2026_25537_claims_of_other_types_are_refused() {
        for claims in [
            r#"{"aud":"registry","sub":"anonymous","iat":1000}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":"1300"}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":1300.5}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":null}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":99999999999999999999}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":-1}"#,
            r#"{"aud":["registry"],"sub":"anonymous","iat":1000,"exp":1300}"#,
            r#"{"aud":"other","sub":"anonymous","iat":1000,"exp":1300}"#,
            r#"{"aud":"registry","sub":["anonymous"],"iat":1000,"exp":1300}"#,
            r#"{"aud":"registry","sub":"admin","iat":1000,"exp":1300}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":1000,"exp":1300,"access":[]}"#,
            r#"{"aud":"registry","sub":"anonymous","iat":9000,"exp":9300}"#,
        ] {
            assert_eq!(at(1_000).read(&forged(HEAD, claims), Purpose::Anything), None, "{claims}");
        }
    }
}
