//! Proofs that come along with a request, as every guard sees them.

use super::{Mfa, MfaError};
use crate::{
    core::Timestamp,
    identity::{
        Principal, Proof,
        step_up::{NotProven, Verifier},
    },
};
use futures_util::future::BoxFuture;
use std::net::IpAddr;

impl Verifier for Mfa {
    fn verify<'a>(
        &'a self,
        who: &'a Principal,
        proof: &'a Proof,
        ip: IpAddr,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), NotProven>> {
        Box::pin(async move {
            let proven = Self::verify(self, who, proof, ip, now).await;
            proven.map(drop).map_err(|error| match error {
                MfaError::Busy | MfaError::Held => NotProven::TooMany,
                MfaError::Locked | MfaError::Barred => NotProven::Locked,
                MfaError::NoKey
                | MfaError::WebAuthnOff(_)
                | MfaError::Unreadable
                | MfaError::Store(_)
                | MfaError::Internal => NotProven::Unavailable,
                _ => NotProven::Wrong,
            })
        })
    }
}
