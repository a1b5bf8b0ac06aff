//! What a person has enrolled, and changes to it.

use super::{Mfa, MfaError, count};
use crate::{
    core::{
        Secret, Timestamp,
        id::{MethodId, UserId},
    },
    store::{BackupCodeRow, DeviceRow, MethodRow, Removed, StoreError},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MfaKind)]
pub enum Kind {
    Totp,
    WebAuthn,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::WebAuthn => "webauthn",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Totp, Self::WebAuthn].into_iter().find(|kind| kind.as_str() == text)
    }

    pub(super) fn of(row: &MethodRow) -> Option<Self> {
        Self::parse(&row.kind)
    }

    /// Where its secret is kept, for the seal.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::Totp => "mfa_methods.totp",
            Self::WebAuthn => "mfa_methods.webauthn",
        }
    }
}

/// A factor as its owner sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MfaMethod)]
pub struct Method {
    pub id: MethodId,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub label: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = BackupCodesLeft)]
pub struct BackupCodes {
    pub total: usize,
    pub unused: usize,
    pub last_used_at: Option<Timestamp>,
    pub last_generated_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Status {
    pub enrolled: bool,
    pub methods: Vec<Method>,
    pub devices: Vec<DeviceRow>,
    pub backup_codes: BackupCodes,
    pub preferred: Option<Kind>,
}

const LONGEST_LABEL: usize = 150;

/// A label that may be shown.
pub(super) fn label(text: &str) -> Result<String, MfaError> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_LABEL;
    if !fits || text.chars().any(char::is_control) {
        return Err(MfaError::Malformed("the label must have 1 to 150 characters and no line breaks"));
    }
    Ok(text.to_owned())
}

impl Mfa {
    /// Confirmed factors, live devices, and how many codes are left.
    pub async fn status(&self, user: UserId, now: Timestamp) -> Result<Status, MfaError> {
        let row = self.db().user_by_id(user).await?.ok_or(MfaError::Unknown("user"))?;
        let methods = self.db().methods_of(user).await?;
        let codes = self.db().backup_codes_of(user).await?;
        Ok(Status {
            enrolled: row.mfa_enrolled_at.is_some(),
            methods: methods.into_iter().filter_map(Method::confirmed).collect(),
            devices: self.db().trusted_devices_of(user, now).await?,
            backup_codes: BackupCodes::of(&codes),
            preferred: row.preferred_mfa.as_deref().and_then(Kind::parse),
        })
    }

    pub async fn rename(&self, user: UserId, id: MethodId, name: &str) -> Result<(), MfaError> {
        let label = label(name)?;
        self.db().rename_method(user, id, &label).await.map_err(unknown("factor"))
    }

    /// Removes a factor. With the last one go the backup codes and the trust in devices.
    pub async fn remove(&self, user: UserId, id: MethodId, now: Timestamp) -> Result<Removed, MfaError> {
        let removed = self.db().remove_method(user, id, now).await.map_err(unknown("factor"))?;
        count("any", "removed");
        Ok(removed)
    }

    /// Which factor the person is asked for first; `None` leaves it to the page.
    pub async fn prefer(&self, user: UserId, kind: Option<Kind>) -> Result<(), MfaError> {
        if let Some(kind) = kind {
            let rows = self.db().methods_of(user).await?;
            let has = rows.iter().any(|row| row.confirmed_at.is_some() && Kind::of(row) == Some(kind));
            if !has {
                return Err(MfaError::NotEnrolled);
            }
        }
        Ok(self.db().set_preferred_mfa(user, kind.map(Kind::as_str)).await?)
    }

    /// New codes in the place of the old.
    pub async fn regenerate_codes(&self, user: UserId, now: Timestamp) -> Result<Vec<Secret>, MfaError> {
        let row = self.db().user_by_id(user).await?.ok_or(MfaError::Unknown("user"))?;
        if row.mfa_enrolled_at.is_none() {
            return Err(MfaError::NotEnrolled);
        }
        let issued = self.issue(user, now).await?;
        self.db().replace_backup_codes(user, &issued.rows).await?;
        count("backup_code", "enrolled");
        Ok(issued.shown)
    }
}

pub(super) fn unknown(what: &'static str) -> impl Fn(StoreError) -> MfaError {
    move |error| match error {
        StoreError::NotFound(_) => MfaError::Unknown(what),
        error => error.into(),
    }
}

impl Method {
    fn confirmed(row: MethodRow) -> Option<Self> {
        row.confirmed_at?;
        Some(Self {
            id: row.id,
            kind: Kind::of(&row)?,
            label: row.label,
            created_at: row.created_at,
            confirmed_at: row.confirmed_at,
            last_used_at: row.last_used_at,
        })
    }
}

impl BackupCodes {
    fn of(rows: &[BackupCodeRow]) -> Self {
        Self {
            total: rows.len(),
            unused: rows.iter().filter(|row| row.used_at.is_none()).count(),
            last_used_at: rows.iter().filter_map(|row| row.used_at).max(),
            last_generated_at: rows.iter().map(|row| row.created_at).max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_on_one_line() {
        assert_eq!(label("  Blue key ").unwrap(), "Blue key");
        for text in ["", "  ", "a\nb", "\u{1b}[2J", &"é".repeat(151)] {
            assert!(label(text).is_err(), "{text:?}");
        }
        assert!(label(&"é".repeat(150)).is_ok());
    }
}
