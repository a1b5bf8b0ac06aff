//! Challenges of passkeys and security keys, and what comes back. A ceremony is kept here and not with the client,
//! is good for five minutes and once, and belongs to the person and the session that began it.

use super::{Assertion, Mfa, MfaError, Proven, budget::Try, methods::Kind, seal::Owner};
use crate::{
    core::{
        Secret, Timestamp,
        id::{SessionId, UserId},
    },
    identity::{Principal, token::TokenHash},
    store::{CeremonyRow, MethodRow},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};
use webauthn_rs::prelude::{AuthenticationResult, DiscoverableAuthentication, Passkey, PublicKeyCredential};

const LIFETIME: Duration = Duration::from_secs(5 * 60);
const PROOF: &str = "webauthn_proof";

/// Tries at writing the counter of a key that answers twice at once.
const TRIES: usize = 3;

/// Whose ceremony it is; nobody's is that of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
}

impl Owned {
    pub const NOBODY: Self = Self { user: None, session: None };

    pub fn by(who: &Principal) -> Result<Self, MfaError> {
        let session = who.session().ok_or(MfaError::NotAPerson)?;
        Ok(Self { user: Some(who.user.id), session: Some(session.id) })
    }
}

#[derive(Debug)]
pub struct StartedAssertion {
    /// `PublicKeyCredentialRequestOptions` in JSON.
    pub options: Value,
    pub handle: Secret,
}

impl Mfa {
    /// Begins a proof with one of the caller's keys.
    pub async fn start_assertion(
        &self,
        who: &Principal,
        now: Timestamp,
    ) -> Result<StartedAssertion, MfaError> {
        let owned = Owned::by(who)?;
        let keys = self.keys_of(who.user.id).await?;
        if keys.is_empty() {
            return Err(MfaError::NotEnrolled);
        }
        let (challenge, state) = self.webauthn()?.start_discoverable_authentication().map_err(internal)?;
        let allow = |row: MethodRow| {
            let id = URL_SAFE_NO_PAD.encode(row.credential_id?);
            Some(json!({ "type": "public-key", "id": id }))
        };
        let mut options = to_json(&challenge.public_key)?;
        if let Some(allowed) = options.get_mut("allowCredentials") {
            *allowed = keys.into_iter().filter_map(allow).collect();
        }
        let handle = self.begin(PROOF, owned, &state, now).await?;
        Ok(StartedAssertion { options, handle })
    }

    /// Checks the answer to a challenge that this session began, within the budget.
    pub async fn verify_assertion(
        &self,
        who: &Principal,
        assertion: &Assertion,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Proven, MfaError> {
        let owned = Owned::by(who)?;
        let look = async {
            let state = self.take(PROOF, owned, &assertion.handle, now).await?;
            let answered = |row: &MethodRow| row.credential_id.as_deref() == Some(&*assertion.answer.raw_id);
            let row = self.keys_of(who.user.id).await?.into_iter().find(answered);
            self.check_answer(row.ok_or(MfaError::Wrong)?, &state, &assertion.answer, now).await
        };
        self.within_budget(Try { user: &who.user, ip, now }, "webauthn", Box::pin(look)).await?;
        Ok(Proven { at: now, by: "webauthn" })
    }

    /// Signature, origin, challenge, presence, verification and counter; then the counter is written, by one.
    pub(super) async fn check_answer(
        &self,
        mut row: MethodRow,
        state: &DiscoverableAuthentication,
        answer: &PublicKeyCredential,
        now: Timestamp,
    ) -> Result<(), MfaError> {
        for _ in 0..TRIES {
            let mut passkey = self.passkey(&row)?;
            let result = self.answered(&passkey, state, answer)?;
            if passkey.update_credential(&result) != Some(true) {
                let there = self.db().note_method_use(row.id, now).await?;
                return if there { Ok(()) } else { Err(MfaError::Wrong) };
            }
            let sealed = self.sealed(Owner::of(&row), &passkey)?;
            if self.db().replace_method_secret(row.id, &row.secret, &sealed, Some(now)).await? {
                return Ok(());
            }
            let newer = self.db().method_by_credential(&answer.raw_id).await?;
            row = newer.filter(|newer| newer.id == row.id).ok_or(MfaError::Wrong)?;
        }
        Err(MfaError::Busy)
    }

    fn answered(
        &self,
        passkey: &Passkey,
        state: &DiscoverableAuthentication,
        answer: &PublicKeyCredential,
    ) -> Result<AuthenticationResult, MfaError> {
        let finished = self.webauthn()?.finish_discoverable_authentication_v2(answer, state.clone(), passkey);
        match finished {
            Ok(result) if result.user_verified() => Ok(result),
            Ok(_) => Err(MfaError::Wrong),
            Err(error) => {
                tracing::info!(%error, "the answer of a security key is not right");
                Err(MfaError::Wrong)
            }
        }
    }

    /// The confirmed passkeys and security keys of a person.
    pub(super) async fn keys_of(&self, user: UserId) -> Result<Vec<MethodRow>, MfaError> {
        let mut rows = self.db().methods_of(user).await?;
        rows.retain(|row| row.confirmed_at.is_some() && Kind::of(row) == Some(Kind::WebAuthn));
        Ok(rows)
    }

    fn passkey(&self, row: &MethodRow) -> Result<Passkey, MfaError> {
        serde_json::from_slice(&self.open(row)?).map_err(|error| {
            tracing::error!(method = %row.id, %error, "a stored passkey cannot be read");
            MfaError::Unreadable
        })
    }

    pub(super) fn sealed(&self, owner: Owner, passkey: &Passkey) -> Result<Vec<u8>, MfaError> {
        let plain = serde_json::to_vec(passkey).map_err(|_| MfaError::Internal)?;
        owner.seal(self.keys()?, &plain).map_err(|_| MfaError::Internal)
    }

    /// Keeps the state of a ceremony; the client gets a random handle.
    pub(super) async fn begin(
        &self,
        kind: &str,
        owned: Owned,
        state: &impl Serialize,
        now: Timestamp,
    ) -> Result<Secret, MfaError> {
        self.keys()?;
        let handle = random_handle();
        let ceremony = CeremonyRow {
            hash: TokenHash::of(handle.expose()).as_bytes().to_vec(),
            kind: kind.to_owned(),
            user_id: owned.user,
            session_id: owned.session,
            state: serde_json::to_string(state).map_err(|_| MfaError::Internal)?,
            created_at: now,
            expires_at: now.saturating_add(LIFETIME),
        };
        self.db().add_ceremony(&ceremony).await?;
        Ok(handle)
    }

    /// Takes the ceremony, which ends it even when it turns out to be another's.
    pub(super) async fn take<T: DeserializeOwned>(
        &self,
        kind: &str,
        owned: Owned,
        handle: &Secret,
        now: Timestamp,
    ) -> Result<T, MfaError> {
        let hash = TokenHash::of(handle.expose());
        let taken = self.db().take_ceremony(hash.as_bytes(), kind, now).await?;
        let ceremony = taken.ok_or(MfaError::Over)?;
        if (Owned { user: ceremony.user_id, session: ceremony.session_id }) != owned {
            return Err(MfaError::Over);
        }
        serde_json::from_str(&ceremony.state).map_err(|_| MfaError::Over)
    }
}

/// 256 random bits.
pub(super) fn random_handle() -> Secret {
    let mut random = [0u8; 32];
    rand::rng().fill_bytes(&mut random);
    Secret::new(URL_SAFE_NO_PAD.encode(random))
}

pub(super) fn to_json(value: &impl Serialize) -> Result<Value, MfaError> {
    serde_json::to_value(value).map_err(|_| MfaError::Internal)
}

pub(super) fn internal(error: webauthn_rs::prelude::WebauthnError) -> MfaError {
    tracing::error!(%error, "a challenge for security keys could not be made");
    MfaError::Internal
}
