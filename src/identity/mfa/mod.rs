//! Second factors: authenticator apps, passkeys and security keys, backup codes, and browsers that are trusted for
//! a while. Proofs are checked here; when one is due is decided in `step_up`.
//!
//! Whatever must happen once happens in the database, so that replicas agree: a time step, a backup code, a
//! ceremony and an attempt are each taken by one.

mod backup;
mod budget;
mod code;
mod devices;
mod enrol;
mod error;
mod keys;
mod methods;
mod passkey;
mod rotate;
mod seal;
mod site;
mod totp;
mod verifier;
mod verify;
mod webauthn;
mod witness;

pub use devices::{Browser, set_cookie as set_trust_cookie};
pub use enrol::{Enrolled, StartedTotp, StartedWebAuthn};
pub use error::MfaError;
pub use keys::keys;
pub use methods::{BackupCodes, Kind, Method, Status};
pub use passkey::PasskeyLogin;
pub use rotate::{Rotated, rotate};
pub use site::{Site, WebAuthnOff};
pub use verify::{Assertion, Proven};
pub use webauthn::StartedAssertion;
pub use witness::{Nobody, Witness};

use crate::{audit::Audit, core::seal::Keys, store::Db};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes of backup codes that are computed at the same time; each takes 19 MiB.
const HASHES: usize = 2;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mfa(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    audit: Audit,
    /// `None` when no key is configured that could seal secrets.
    keys: Option<Keys>,
    /// The name that authenticators show.
    name: String,
    webauthn: Result<webauthn_rs::Webauthn, WebAuthnOff>,
    hashes: Semaphore,
    witness: Arc<dyn Witness>,
}

impl Mfa {
    pub fn new(db: Db, audit: Audit, keys: Option<Keys>, site: &Site, witness: Arc<dyn Witness>) -> Self {
        let (name, webauthn, hashes) = (site.name.clone(), site.build(), Semaphore::new(HASHES));
        Self(Arc::new(Inner { db, audit, keys, name, webauthn, hashes, witness }))
    }

    /// Why passkeys cannot be used; `None` when they can.
    pub fn webauthn_off(&self) -> Option<&WebAuthnOff> {
        self.0.webauthn.as_ref().err()
    }

    /// Whether factors can be enrolled and proved at all.
    pub fn has_key(&self) -> bool {
        self.0.keys.is_some()
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    fn keys(&self) -> Result<&Keys, MfaError> {
        self.0.keys.as_ref().ok_or(MfaError::NoKey)
    }

    fn webauthn(&self) -> Result<&webauthn_rs::Webauthn, MfaError> {
        self.0.webauthn.as_ref().map_err(|off| MfaError::WebAuthnOff(off.clone()))
    }
}

/// Counts what happened with a kind of proof.
fn count(method: &'static str, outcome: &'static str) {
    metrics::counter!("gateway_mfa_events_total", "method" => method, "outcome" => outcome).increment(1);
}
