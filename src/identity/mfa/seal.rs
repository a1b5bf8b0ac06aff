//! Each factor's secret is bound to its row, its kind and its owner.

use super::{Kind, Mfa, MfaError};
use crate::{
    core::{
        id::{MethodId, UserId},
        seal::{Keys, Place, SealError},
    },
    store::MethodRow,
};
use zeroize::Zeroizing;

/// What the seal of a factor is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub method: MethodId,
    pub user: UserId,
    pub kind: &'static str,
}

impl Owner {
    fn row(&self) -> Vec<u8> {
        [&self.method.as_uuid().as_bytes()[..], self.user.as_uuid().as_bytes()].concat()
    }

    pub fn seal(&self, keys: &Keys, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        keys.seal(plain, Place { kind: self.kind, row: &self.row() })
    }

    pub fn open(&self, keys: &Keys, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        keys.open(sealed, Place { kind: self.kind, row: &self.row() })
    }

    pub fn of(row: &MethodRow) -> Self {
        let kind = Kind::of(row).map_or("mfa_methods", Kind::place);
        Self { method: row.id, user: row.user_id, kind }
    }
}

impl Mfa {
    /// Opens a factor's secret. A failure is for the log: the person who proves cannot mend it.
    pub(super) fn open(&self, row: &MethodRow) -> Result<Zeroizing<Vec<u8>>, MfaError> {
        Owner::of(row).open(self.keys()?, &row.secret).map_err(|error| {
            tracing::error!(method = %row.id, %error, "the secret of a second factor cannot be opened");
            MfaError::Unreadable
        })
    }
}
