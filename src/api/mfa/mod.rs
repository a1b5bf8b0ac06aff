//! A person's second factors: enrolling them, proving them, and logging in with a passkey alone.

mod assertion_start;
mod assertion_verify;
mod backup_codes;
mod error;
mod method_delete;
mod method_update;
mod passkey_finish;
mod passkey_start;
mod preferred;
mod proved;
mod status;
mod totp_confirm;
mod totp_start;
mod trusted_device;
mod verify;
mod webauthn_confirm;
mod webauthn_start;

use super::{ApiError, Context, Endpoint};
use crate::{
    core::{Secret, Timestamp},
    identity::Principal,
    policy::MfaLevel,
    store::Grounds,
};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use std::{net::IpAddr, str::FromStr};
use utoipa::ToSchema;

pub use assertion_start::AssertionChallenge;
pub use assertion_verify::Given as AssertionProof;
pub use backup_codes::NewCodes;
pub use method_update::Wanted as MethodName;
pub use passkey_finish::Given as PasskeyAnswer;
pub use preferred::Wanted as PreferredMethod;
pub use proved::Verified;
pub use status::Document as MfaStatus;
pub use totp_confirm::Given as TotpConfirmation;
pub use totp_start::{StartedTotp, Wanted as TotpWish};
pub use verify::Given as CodeProof;
pub use webauthn_confirm::Given as WebAuthnConfirmation;
pub use webauthn_start::Registration;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        status::endpoint(),
        totp_start::endpoint(),
        totp_confirm::endpoint(),
        webauthn_start::endpoint(),
        webauthn_confirm::endpoint(),
        verify::endpoint(),
        assertion_start::endpoint(),
        assertion_verify::endpoint(),
        preferred::endpoint(),
        method_update::endpoint(),
        method_delete::endpoint(),
        backup_codes::endpoint(),
        trusted_device::endpoint(),
        passkey_start::endpoint(),
        passkey_finish::endpoint(),
    ]
}

/// Whether the caller may add a factor: their first one freely, another after a recent proof. Who holds nothing but
/// a stolen session cannot add their own.
async fn grounds(
    context: &Context,
    who: &Principal,
    headers: &HeaderMap,
    ip: IpAddr,
    now: Timestamp,
) -> Result<Grounds, ApiError> {
    if !who.user.mfa_enrolled {
        return Ok(Grounds::First);
    }
    let passed = context.step_up.pass(MfaLevel::StepUp, who, headers, ip, now).await;
    passed.map(|()| Grounds::Proved).map_err(|challenge| crate::gateway::Refusal::from(challenge).into())
}

/// An id in a path.
fn id<T: FromStr>(text: &str, what: &'static str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(what))
}

/// Secrets that are shown once.
fn shown(secrets: &[Secret]) -> Vec<String> {
    secrets.iter().map(|secret| secret.expose().to_owned()).collect()
}

/// A factor that is good now.
#[derive(Serialize, ToSchema)]
#[schema(as = EnrolledFactor)]
pub struct Enrolled {
    /// `enrolled`
    status: &'static str,
    /// With the first factor; shown this once.
    backup_codes: Option<Vec<String>>,
    verification: Verified,
}

impl Enrolled {
    fn new(codes: Option<&[Secret]>, verification: Verified) -> Self {
        Self { status: "enrolled", backup_codes: codes.map(shown), verification }
    }
}

/// A challenge for keys: WebAuthn's own options, and the handle to come back with.
#[derive(Serialize, ToSchema)]
pub struct KeyChallenge {
    handle: String,
    #[schema(value_type = Object)]
    options: Value,
}

/// `{"status": "…"}`.
#[derive(Serialize, ToSchema)]
#[schema(as = MfaDone)]
pub struct Done {
    status: &'static str,
}
