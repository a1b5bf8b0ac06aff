//! Adding a factor: begin, show that it works, and it counts. The first one issues the backup codes.

use super::{
    Mfa, MfaError,
    budget::Try,
    code::Code,
    count,
    methods::{Kind, label},
    seal::Owner,
    totp,
    webauthn::{Owned, internal, to_json},
};
use crate::{
    core::{
        Secret, Timestamp,
        id::{MethodId, UserId},
    },
    identity::Principal,
    store::{Factor, Grounds, MethodRow, NewFactor, StoreError},
};
use serde_json::Value;
use std::{net::IpAddr, time::Duration};
use webauthn_rs::prelude::{Passkey, PasskeyRegistration, RegisterPublicKeyCredential};

const ENROLMENT: &str = "webauthn_enrolment";
/// How long an app may take to be set up.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Factors of one person.
const MOST: usize = 20;

pub struct StartedTotp {
    pub method: MethodId,
    /// In base 32, to be typed.
    pub secret: Secret,
    /// `otpauth://totp/…`.
    pub uri: Secret,
    pub qr_svg: Secret,
}

pub struct StartedWebAuthn {
    pub handle: Secret,
    /// `PublicKeyCredentialCreationOptions` in JSON.
    pub options: Value,
}

#[derive(Debug)]
pub struct Enrolled {
    pub method: MethodId,
    /// Issued with the first factor.
    pub backup_codes: Option<Vec<Secret>>,
}

impl Mfa {
    /// Begins with an authenticator app, in the place of one that was begun and not finished.
    pub async fn start_totp(
        &self,
        who: &Principal,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<StartedTotp, MfaError> {
        Owned::by(who)?;
        let label = label(name.unwrap_or("Authenticator app"))?;
        self.room(who.user.id).await?;
        let method = MethodId::new(now);
        let secret = totp::new_secret();
        let owner = Owner { method, user: who.user.id, kind: Kind::Totp.place() };
        let row = MethodRow {
            id: method,
            user_id: who.user.id,
            kind: Kind::Totp.as_str().to_owned(),
            label,
            secret: owner.seal(self.keys()?, &*secret).map_err(|_| MfaError::Internal)?,
            credential_id: None,
            created_at: now,
            confirmed_at: None,
            last_used_at: None,
        };
        self.db().add_pending_method(&row).await?;
        let totp::Setup { base32, uri, qr_svg } = totp::setup(&*secret, &self.0.name, &who.user.email)?;
        Ok(StartedTotp { method, secret: base32, uri, qr_svg })
    }

    /// Takes the first code of the app that was begun. Costs an attempt like any other code.
    pub async fn confirm_totp(
        &self,
        who: &Principal,
        method: MethodId,
        typed: &Secret,
        grounds: Grounds,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Enrolled, MfaError> {
        Owned::by(who)?;
        let Code::Totp(code) = Code::read(typed)? else {
            return Err(MfaError::Malformed("the code must be the six digits that the app shows"));
        };
        let attempt = Try { user: &who.user, ip, now };
        let look = async {
            let row = self.pending(who.user.id, method, now).await?;
            totp::step_of(&self.open(&row)?, &code, now).ok_or(MfaError::Wrong)
        };
        let step = self.within_budget(attempt, "totp", look).await?;
        let factor = Factor::Totp { id: method, step };
        let backup_codes = Box::pin(self.confirm(who, factor, grounds, now)).await?;
        Ok(Enrolled { method, backup_codes })
    }

    /// Begins with a passkey or security key.
    pub async fn start_webauthn(&self, who: &Principal, now: Timestamp) -> Result<StartedWebAuthn, MfaError> {
        let owned = Owned::by(who)?;
        self.room(who.user.id).await?;
        let known = self.keys_of(who.user.id).await?;
        let known = known.into_iter().filter_map(|row| row.credential_id).collect();
        let user = who.user.id.as_uuid();
        let shown = if who.user.name.is_empty() { &*who.user.email } else { &who.user.name };
        let (challenge, state) = self
            .webauthn()?
            .start_passkey_registration(*user, &who.user.email, shown, Some(known))
            .map_err(internal)?;
        let mut options = to_json(&challenge.public_key)?;
        // So that a login needs no user name, where the key has room for it.
        if let Some(kept) = options.pointer_mut("/authenticatorSelection/residentKey") {
            *kept = "preferred".into();
        }
        let handle = self.begin(ENROLMENT, owned, &state, now).await?;
        Ok(StartedWebAuthn { handle, options })
    }

    /// Takes the new credential.
    pub async fn confirm_webauthn(
        &self,
        who: &Principal,
        handle: &Secret,
        credential: &RegisterPublicKeyCredential,
        name: &str,
        grounds: Grounds,
        now: Timestamp,
    ) -> Result<Enrolled, MfaError> {
        let owned = Owned::by(who)?;
        let label = label(name)?;
        let state: PasskeyRegistration = self.take(ENROLMENT, owned, handle, now).await?;
        let passkey = self.webauthn()?.finish_passkey_registration(credential, &state).map_err(|error| {
            tracing::info!(%error, "a new security key was not accepted");
            count("webauthn", "failure");
            MfaError::Wrong
        })?;
        let row = self.new_key(who.user.id, &passkey, label, now)?;
        let method = row.id;
        let backup_codes = Box::pin(self.confirm(who, Factor::WebAuthn(row), grounds, now)).await?;
        Ok(Enrolled { method, backup_codes })
    }

    fn new_key(
        &self,
        user: UserId,
        passkey: &Passkey,
        label: String,
        now: Timestamp,
    ) -> Result<MethodRow, MfaError> {
        let method = MethodId::new(now);
        Ok(MethodRow {
            id: method,
            user_id: user,
            kind: Kind::WebAuthn.as_str().to_owned(),
            label,
            secret: self.sealed(Owner { method, user, kind: Kind::WebAuthn.place() }, passkey)?,
            credential_id: Some(passkey.cred_id().to_vec()),
            created_at: now,
            confirmed_at: Some(now),
            last_used_at: Some(now),
        })
    }

    /// The factor counts from here on; the backup codes if it is the first.
    async fn confirm(
        &self,
        who: &Principal,
        factor: Factor,
        grounds: Grounds,
        now: Timestamp,
    ) -> Result<Option<Vec<Secret>>, MfaError> {
        let user = who.user.id;
        let kind = match factor {
            Factor::Totp { .. } => Kind::Totp,
            Factor::WebAuthn(_) => Kind::WebAuthn,
        };
        let issued = self.issue(user, now).await?;
        let session = who.session().map(|session| session.id);
        let new = NewFactor { user, session, factor, grounds, codes: issued.rows, at: now };
        let confirmed = self.db().confirm_method(&new).await.map_err(|error| match error {
            StoreError::Exists(what) if what == "a second factor" => MfaError::ProofNeeded,
            StoreError::Exists(_) => MfaError::Taken,
            StoreError::NotFound(_) => MfaError::Over,
            error => error.into(),
        })?;
        count(kind.as_str(), "enrolled");
        Ok(confirmed.first.then_some(issued.shown))
    }

    async fn pending(&self, user: UserId, id: MethodId, now: Timestamp) -> Result<MethodRow, MfaError> {
        let rows = self.db().methods_of(user).await?;
        let row = rows.into_iter().find(|row| row.id == id && row.confirmed_at.is_none());
        row.filter(|row| now.since(row.created_at) < PATIENCE).ok_or(MfaError::Over)
    }

    async fn room(&self, user: UserId) -> Result<(), MfaError> {
        self.keys()?;
        let rows = self.db().methods_of(user).await?;
        let confirmed = rows.iter().filter(|row| row.confirmed_at.is_some()).count();
        if confirmed < MOST { Ok(()) } else { Err(MfaError::Full) }
    }
}
