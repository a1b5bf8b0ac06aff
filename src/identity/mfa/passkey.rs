//! Logging in with a passkey alone: no user name, and a second factor in itself. Whoever is not let in learns
//! nothing about which credentials exist.

use super::{
    Mfa, MfaError, StartedAssertion, count,
    webauthn::{Owned, internal, to_json},
};
use crate::{
    core::{Secret, Timestamp},
    store::{MethodRow, UserRow},
};
use std::time::Duration;
use webauthn_rs::prelude::{DiscoverableAuthentication, PublicKeyCredential};

const LOGIN: &str = "passkey_login";
/// No refusal comes sooner, whatever it was found out by.
const REFUSAL: Duration = Duration::from_millis(150);

#[derive(Clone, Debug)]
pub struct PasskeyLogin {
    pub user: UserRow,
    pub method: crate::core::id::MethodId,
}

impl Mfa {
    pub async fn start_passkey_login(&self, now: Timestamp) -> Result<StartedAssertion, MfaError> {
        let (challenge, state) = self.webauthn()?.start_discoverable_authentication().map_err(internal)?;
        let handle = self.begin(LOGIN, Owned::NOBODY, &state, now).await?;
        Ok(StartedAssertion { options: to_json(&challenge.public_key)?, handle })
    }

    /// The person whose passkey answered. [`MfaError::Barred`] only tells its owner.
    pub async fn finish_passkey_login(
        &self,
        handle: &Secret,
        answer: &PublicKeyCredential,
        now: Timestamp,
    ) -> Result<PasskeyLogin, MfaError> {
        let soonest = tokio::time::Instant::now() + REFUSAL;
        let outcome = Box::pin(self.passkey_login(handle, answer, now)).await;
        count("passkey", if outcome.is_ok() { "success" } else { "failure" });
        if outcome.is_err() {
            tokio::time::sleep_until(soonest).await;
        }
        outcome
    }

    async fn passkey_login(
        &self,
        handle: &Secret,
        answer: &PublicKeyCredential,
        now: Timestamp,
    ) -> Result<PasskeyLogin, MfaError> {
        let state: DiscoverableAuthentication = self.take(LOGIN, Owned::NOBODY, handle, now).await?;
        let (claimed, credential) =
            self.webauthn()?.identify_discoverable_authentication(answer).map_err(|_| MfaError::Wrong)?;
        let known = self.db().method_by_credential(credential).await?;
        // The handle that the key kept names its user too; both must mean the same one.
        let agrees = |row: &MethodRow| *row.user_id.as_uuid() == claimed;
        let row = known.filter(agrees).ok_or(MfaError::Wrong)?;
        let (method, owner) = (row.id, row.user_id);
        self.check_answer(row, &state, answer, now).await?;
        let user = self.db().user_by_id(owner).await?.ok_or(MfaError::Wrong)?;
        if user.locked_at.is_some() {
            return Err(MfaError::Barred);
        }
        Ok(PasskeyLogin { user, method })
    }
}
