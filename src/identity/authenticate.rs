//! From a credential to a principal, or to the reason why not.

use super::{
    AccessSnapshot, Presented, Principal, Via,
    session::IdleLimits,
    snapshot::{SessionEntry, Standing, TokenEntry},
};
use crate::core::Timestamp;

/// Clients are told one sentence for all of these; the audit record keeps the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("no credential")]
    Missing,
    #[error("{0}")]
    Unusable(&'static str),
    #[error("unknown token or session")]
    Unknown,
    #[error("revoked token or session")]
    Revoked,
    #[error("expired token or session")]
    Expired,
    #[error("the user is locked")]
    OwnerLocked,
}

impl AuthError {
    /// A word for the audit record and the metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "credential_missing",
            Self::Unusable(_) => "credential_unusable",
            Self::Unknown => "token_unknown",
            Self::Revoked => "token_revoked",
            Self::Expired => "token_expired",
            Self::OwnerLocked => "owner_locked",
        }
    }
}

pub fn authenticate(
    snapshot: &AccessSnapshot,
    presented: &Presented,
    now: Timestamp,
) -> Result<Principal, AuthError> {
    match presented {
        Presented::Token(hash) => {
            let entry = snapshot.token(hash).ok_or(AuthError::Unknown)?;
            entry.check(now)?;
            let via = Via::Token(entry.token.clone());
            Ok(Principal { user: entry.user.clone(), via, rights: entry.rights.clone() })
        }
        Presented::Session(hash) => {
            let entry = snapshot.session(hash).ok_or(AuthError::Unknown)?;
            entry.check(now, snapshot.settings.idle)?;
            let via = Via::Session(entry.session.clone());
            Ok(Principal { user: entry.user.clone(), via, rights: entry.rights.clone() })
        }
        Presented::Nothing => Err(AuthError::Missing),
        Presented::Unusable(why) => Err(AuthError::Unusable(why)),
    }
}

impl TokenEntry {
    pub(super) fn check(&self, now: Timestamp) -> Result<(), AuthError> {
        standing(self.standing)?;
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        Ok(())
    }
}

impl SessionEntry {
    pub(super) fn check(&self, now: Timestamp, idle: IdleLimits) -> Result<(), AuthError> {
        standing(self.standing)?;
        if self.session.expires_at <= now || idle.is_over(&self.session, now) {
            return Err(AuthError::Expired);
        }
        Ok(())
    }
}

const fn standing(standing: Standing) -> Result<(), AuthError> {
    match standing {
        Standing::Revoked => Err(AuthError::Revoked),
        Standing::OwnerLocked => Err(AuthError::OwnerLocked),
        Standing::Good => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::UserId,
        identity::token::{self, TokenHash},
        policy::{Permission, Target},
        store::{AccessRows, GrantRow, Subject, TokenRow, UserRow},
    };

    const NOW: Timestamp = Timestamp::from_micros(10_000_000);

    struct Case {
        rows: AccessRows,
        presented: Presented,
    }

    fn case() -> Case {
        let secret = token::generate();
        let user = UserRow {
            id: UserId::new(NOW),
            email: "ops@example.com".into(),
            name: "Ops".into(),
            created_at: NOW,
            locked_at: None,
            locked_reason: None,
            mfa_enrolled_at: None,
            preferred_mfa: None,
        };
        let token = TokenRow::new(user.id, "laptop", TokenHash::of(secret.expose()).as_bytes(), NOW);
        let grants = vec![
            GrantRow::new(Subject::User(user.id), "ops", "*", None, NOW),
            GrantRow::new(Subject::Token(token.id), "admin", "*", None, NOW),
        ];
        let presented = Presented::Token(TokenHash::of(secret.expose()));
        Case {
            rows: AccessRows {
                epoch: 1,
                users: vec![user],
                roles: vec![],
                tokens: vec![token],
                grants,
                sessions: vec![],
                settings: vec![],
                invitations: vec![],
            },
            presented,
        }
    }

    fn outcome(case: &Case) -> Result<Principal, AuthError> {
        authenticate(&AccessSnapshot::compile(&case.rows, IdleLimits::default()), &case.presented, NOW)
    }

    #[test]
    fn a_good_token_gives_its_owner_and_both_sets_of_rights() {
        let principal = outcome(&case()).unwrap();
        assert_eq!(principal.to_string(), "ops@example.com (token laptop)");
        let web = Target::app("r", "web");
        assert!(principal.rights.allow(Permission::AppRestart, &web, NOW));
        assert!(!principal.rights.allow(Permission::AppDelete, &web, NOW), "more than the owner holds");
    }

    #[test]
    fn each_way_to_be_refused() {
        let mut revoked = case();
        revoked.rows.tokens[0].revoked_at = Some(NOW);
        assert_eq!(outcome(&revoked).unwrap_err(), AuthError::Revoked);

        let mut expired = case();
        expired.rows.tokens[0].expires_at = Some(NOW);
        assert_eq!(outcome(&expired).unwrap_err(), AuthError::Expired);

        let mut locked = case();
        locked.rows.users[0].locked_at = Some(NOW);
        assert_eq!(outcome(&locked).unwrap_err(), AuthError::OwnerLocked);

        let mut unknown = case();
        unknown.rows.tokens.clear();
        assert_eq!(outcome(&unknown).unwrap_err(), AuthError::Unknown);

        let mut missing = case();
        missing.presented = Presented::Nothing;
        assert_eq!(outcome(&missing).unwrap_err(), AuthError::Missing);
    }

    #[test]
    fn a_role_that_is_gone_gives_nothing() {
        let mut case = case();
        case.rows.grants[1].role = "night-shift".into();
        let principal = outcome(&case).unwrap();
        assert!(!principal.rights.allow(Permission::AppList, &Target::rack("r"), NOW));
    }
}
