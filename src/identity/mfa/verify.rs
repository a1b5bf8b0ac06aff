//! A proof in, and whether it holds out.

use super::{Mfa, MfaError, budget::Try, code::Code, methods::Kind, totp};
use crate::{
    core::{Secret, Timestamp},
    identity::{Principal, Proof, UserIdentity},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use std::net::IpAddr;
use utoipa::ToSchema;
use webauthn_rs::prelude::PublicKeyCredential;

/// A person has just proved a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    pub at: Timestamp,
    /// `totp`, `webauthn` or `backup_code`.
    pub by: &'static str,
}

/// The answer of a passkey or security key to a challenge of ours.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Assertion {
    /// The handle that the challenge came with.
    #[serde(rename = "session_data")]
    #[schema(value_type = String)]
    pub handle: Secret,
    #[serde(rename = "assertion_response")]
    #[schema(value_type = Object)]
    pub answer: PublicKeyCredential,
}

/// Bytes of a packed assertion.
const LONGEST: usize = 16 * 1024;

impl Assertion {
    /// From standard base64 of `{"session_data": …, "assertion_response": …}`.
    pub fn unpack(packed: &Secret) -> Result<Self, MfaError> {
        let bad = MfaError::Malformed(
            "the proof must be base64 of a JSON object with session_data and assertion_response",
        );
        if packed.expose().len() > LONGEST {
            return Err(bad);
        }
        let Ok(json) = STANDARD.decode(packed.expose().trim()) else { return Err(bad) };
        serde_json::from_slice(&json).map_err(|_| bad)
    }
}

impl Mfa {
    /// Checks a proof of the caller's, within their budget. A proof is good once: after this returned `Ok`, it is
    /// used up on every replica.
    pub async fn verify(
        &self,
        who: &Principal,
        proof: &Proof,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Proven, MfaError> {
        if who.session().is_none() {
            return Err(MfaError::NotAPerson);
        }
        match proof {
            Proof::Code(typed) => Box::pin(self.verify_code(&who.user, typed, ip, now)).await,
            Proof::WebAuthn(packed) => {
                let assertion = Assertion::unpack(packed)?;
                Box::pin(self.verify_assertion(who, &assertion, ip, now)).await
            }
        }
    }

    async fn verify_code(
        &self,
        user: &UserIdentity,
        typed: &Secret,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Proven, MfaError> {
        let attempt = Try { user, ip, now };
        match Code::read(typed)? {
            Code::Totp(code) => {
                self.within_budget(attempt, "totp", self.spend_totp(user, &code, now)).await?;
                Ok(Proven { at: now, by: "totp" })
            }
            Code::Backup(code) => {
                let spend = self.spend_backup_code(user.id, code, now);
                self.within_budget(attempt, "backup_code", spend).await?;
                Ok(Proven { at: now, by: "backup_code" })
            }
        }
    }

    /// Uses up the step of an enrolled app.
    async fn spend_totp(&self, user: &UserIdentity, code: &Secret, now: Timestamp) -> Result<(), MfaError> {
        for row in self.db().methods_of(user.id).await? {
            if row.confirmed_at.is_none() || Kind::of(&row) != Some(Kind::Totp) {
                continue;
            }
            let Some(step) = totp::step_of(&self.open(&row)?, code, now) else { continue };
            let fresh = self.db().use_totp_step(row.id, step, now).await?;
            return if fresh { Ok(()) } else { Err(MfaError::Used) };
        }
        Err(MfaError::Wrong)
    }
}
