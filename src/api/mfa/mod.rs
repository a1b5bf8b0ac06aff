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
use std::{net::IpAddr, str::FromStr};

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
fn shown(secrets: &[Secret]) -> Vec<&str> {
    secrets.iter().map(Secret::expose).collect()
}

/// `{"status": "…"}`.
#[derive(Serialize)]
struct Done {
    status: &'static str,
}
