//! Guesses at second factors and passkeys.

use crate::{Kind, security_key::SecurityKey};
use rack_gateway::{
    audit::{Audit, LineSink, Writer, WriterOptions},
    core::{PublicUrl, Secret, SystemClock, Timestamp, seal::Keys},
    identity::{
        AccessSnapshot, Presented, Principal, Proof, authenticate,
        mfa::{Mfa, MfaError, Nobody, Site},
        session::IdleLimits,
        token::{self, TokenHash},
    },
    store::{Db, Grounds, SessionRow},
};
use rack_gateway_bench::Outcome;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

const EMAIL: &str = "ada@example.com";
const ORIGIN: &str = "https://gateway.example.com";
const RP_ID: &str = "gateway.example.com";
const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What a code on paper is made of.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Somebody with an authenticator app, backup codes and a passkey.
pub struct People {
    db: Db,
    mfa: Mfa,
    who: Principal,
    base32: Secret,
    backup: Vec<String>,
    key: SecurityKey,
    stranger: SecurityKey,
    now: Timestamp,
}

impl People {
    pub async fn open(db: &Db, now: Timestamp) -> Outcome<Self> {
        let site = Site::new(&PublicUrl::parse(ORIGIN).ok_or("ORIGIN is no address")?, None, None);
        let (writer, _) = Writer::start(db.clone(), WriterOptions::default());
        let audit = Audit::new(writer, LineSink::start(std::io::sink()), Arc::new(SystemClock));
        let keys = Keys::new(&Secret::new("the key of the benchmark"), &[]);
        let mfa = Mfa::new(db.clone(), audit, Some(keys), &site, Arc::new(Nobody));
        let who = person(db, now).await?;

        let before = Timestamp::from_micros(now.as_micros() - 3_600_000_000);
        let started = mfa.start_totp(&who, None, before).await?;
        let code = Secret::new(code_of(&started.secret, before)?);
        let enrolled = mfa.confirm_totp(&who, started.method, &code, Grounds::First, IP, before).await?;
        let codes = enrolled.backup_codes.unwrap_or_default();
        let backup = codes.iter().map(|code| code.expose().replace('-', "")).collect();

        let mut key = SecurityKey::new(ORIGIN, RP_ID);
        let begun = mfa.start_webauthn(&who, now).await?;
        let credential = serde_json::from_value(key.register(&begun.options))?;
        mfa.confirm_webauthn(&who, &begun.handle, &credential, "key", Grounds::Proved, now).await?;
        let handle = Some(who.user.id.as_uuid().as_bytes().to_vec());
        key.claims.user_handle = handle.clone();
        let mut stranger = SecurityKey::new(ORIGIN, RP_ID);
        stranger.claims.user_handle = handle;
        Ok(Self { db: db.clone(), mfa, who, base32: started.secret, backup, key, stranger, now })
    }

    /// A login with a passkey, of which the challenge is signed for another website.
    pub async fn guess_user(&self, kind: Kind) -> Outcome<Duration> {
        let started = self.mfa.start_passkey_login(self.now).await?;
        let key = match kind {
            Kind::Near => &self.key,
            Kind::Far => &self.stranger,
        };
        let mut options = started.options.clone();
        if let Some(challenge) = options.get_mut("challenge") {
            *challenge = "AAAA".into();
        }
        let answer = serde_json::from_value(key.answer(&options))?;
        let begin = Instant::now();
        let outcome = self.mfa.finish_passkey_login(&started.handle, &answer, self.now).await;
        took(begin, outcome.map(drop))
    }

    pub async fn guess_totp(&self, number: usize, kind: Kind) -> Outcome<Duration> {
        let right = code_of(&self.base32, self.now)?;
        let place = match kind {
            Kind::Near => 5,
            Kind::Far => 0,
        };
        let guess = with_other_letter(&right, place, number, b"0123456789");
        self.guess_code(guess).await
    }

    pub async fn guess_backup(&self, number: usize, kind: Kind) -> Outcome<Duration> {
        let right = self.backup.get(number % self.backup.len()).ok_or("no backup code")?;
        let guess = match kind {
            Kind::Near => with_other_letter(right, 11, number, ALPHABET),
            Kind::Far => {
                (0..12).fold(right.clone(), |code, place| with_other_letter(&code, place, number, ALPHABET))
            }
        };
        self.guess_code(guess).await
    }

    async fn guess_code(&self, guess: String) -> Outcome<Duration> {
        let proof = Proof::Code(Secret::new(guess));
        let begin = Instant::now();
        let outcome = self.mfa.verify(&self.who, &proof, IP, self.now).await;
        let took = took(begin, outcome.map(drop));
        // Five failures would lock the account.
        self.db.set_user_lock(EMAIL, None).await?;
        took
    }
}

fn took(begin: Instant, outcome: Result<(), MfaError>) -> Outcome<Duration> {
    let took = begin.elapsed();
    match outcome {
        Err(MfaError::Wrong) => Ok(took),
        Err(other) => Err(format!("not refused as a wrong guess: {other}").into()),
        Ok(()) => Err("a guess was right".into()),
    }
}

async fn person(db: &Db, now: Timestamp) -> Outcome<Principal> {
    let user = db.add_user(EMAIL, "Ada", now).await?;
    let hash = TokenHash::of(token::generate_session().expose());
    let session = SessionRow {
        method: "link".into(),
        ..SessionRow::new(user.id, hash.as_bytes(), now, now.saturating_add(Duration::from_secs(3_600)))
    };
    db.add_session(&session).await?;
    let snapshot = AccessSnapshot::compile(&db.access_rows(now).await?, IdleLimits::default());
    authenticate(&snapshot, &Presented::Session(hash), now).map_err(|error| error.code().into())
}

fn code_of(base32: &Secret, at: Timestamp) -> Outcome<String> {
    let secret = totp_rs::Secret::try_from_base32(base32.expose()).map_err(|_| "not a secret")?;
    let totp = totp_rs::Builder::new().with_secret(secret).build().map_err(|_| "not a secret")?;
    Ok(totp.generate(u64::try_from(at.as_micros() / 1_000_000)?).to_string())
}

/// The text with another letter of `alphabet` at `place`; which one follows `number`.
fn with_other_letter(text: &str, place: usize, number: usize, alphabet: &[u8]) -> String {
    let change = |(index, letter): (usize, char)| {
        let known = alphabet.iter().position(|other| char::from(*other) == letter).filter(|_| index == place);
        let shift = 1 + number % (alphabet.len() - 1);
        let other = known.and_then(|known| alphabet.get((known + shift) % alphabet.len()));
        other.map_or(letter, |other| char::from(*other))
    };
    text.chars().enumerate().map(change).collect()
}
