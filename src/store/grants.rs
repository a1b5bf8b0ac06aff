//! Grants: a user or a token holds a role on a target pattern, perhaps for a time.

use super::{Db, StoreError, StoreResult, access_tx, read};
use crate::core::{
    Timestamp,
    id::{GrantId, TokenId, UserId},
};

/// Who holds a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    User(UserId),
    Token(TokenId),
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GrantRow {
    pub id: GrantId,
    pub user_id: Option<UserId>,
    pub token_id: Option<TokenId>,
    pub role: String,
    pub target: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// The provider whose group claims gave it; `None` when a person did.
    pub origin: Option<String>,
    /// Of calls of services, the only methods that it allows, with commas; `None` allows all.
    pub methods: Option<String>,
    /// Of calls of services, the path below which it allows them; `None` allows all.
    pub path_prefix: Option<String>,
}

impl GrantRow {
    /// Who holds it.
    pub fn subject(&self) -> Option<Subject> {
        self.user_id.map(Subject::User).or_else(|| self.token_id.map(Subject::Token))
    }

    pub fn new(
        subject: Subject,
        role: &str,
        target: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let (user_id, token_id) = match subject {
            Subject::User(id) => (Some(id), None),
            Subject::Token(id) => (None, Some(id)),
        };
        let (role, target) = (role.to_owned(), target.to_owned());
        Self {
            id: GrantId::new(now),
            user_id,
            token_id,
            role,
            target,
            created_at: now,
            expires_at,
            origin: None,
            methods: None,
            path_prefix: None,
        }
    }

    /// The same for some calls of services only.
    #[must_use]
    pub fn limited(self, methods: Option<String>, path_prefix: Option<String>) -> Self {
        Self { methods, path_prefix, ..self }
    }
}

pub(super) const INSERT: &str = "INSERT INTO grants (id, user_id, token_id, role, target, created_at, expires_at, origin, methods, path_prefix) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(super) const LIST: &str = "SELECT id, user_id, token_id, role, target, created_at, expires_at, origin, methods, path_prefix FROM grants ORDER BY created_at, id";
pub(super) const DELETE: &str = "DELETE FROM grants WHERE id = $1";

/// Binds a grant's columns in the order of [`INSERT`].
macro_rules! bind_grant {
    ($grant:expr) => {
        sqlx::query(crate::store::grants::INSERT)
            .bind($grant.id)
            .bind($grant.user_id)
            .bind($grant.token_id)
            .bind(&$grant.role)
            .bind(&$grant.target)
            .bind($grant.created_at)
            .bind($grant.expires_at)
            .bind(&$grant.origin)
            .bind(&$grant.methods)
            .bind(&$grant.path_prefix)
    };
}

pub(super) use bind_grant;

impl Db {
    pub async fn add_grant(&self, grant: &GrantRow) -> StoreResult<()> {
        access_tx!(self, tx => {
            bind_grant!(grant).execute(&mut *tx).await?;
        })
    }

    pub async fn grants(&self) -> StoreResult<Vec<GrantRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    pub async fn remove_grant(&self, id: GrantId) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done = sqlx::query(DELETE).bind(id).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the grant {id}")));
            }
        })
    }
}
