//! Who people are at the providers that vouch for them, and how somebody who comes in for the first time is kept.

use super::{
    Db, GrantRow, StoreError, StoreResult, UserRow,
    access::ADVANCE_EPOCH,
    grants::bind_grant,
    links::{self, Ticket},
    read, users, write_tx,
};
use crate::core::{Timestamp, id::UserId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct IdentityRow {
    pub issuer: String,
    pub subject: String,
    pub user_id: UserId,
    /// As the provider last said it; the person is known here by the user's.
    pub email: String,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

/// Somebody new, with all that they begin with. Written together or not at all.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub user: UserRow,
    pub identity: Option<IdentityRow>,
    pub grants: Vec<GrantRow>,
    pub ticket: Ticket,
}

const GET: &str = "SELECT issuer, subject, user_id, email, created_at, last_login_at FROM identities \
     WHERE issuer = $1 AND subject = $2";
const OF_USER: &str = "SELECT issuer, subject, user_id, email, created_at, last_login_at FROM identities \
     WHERE user_id = $1 ORDER BY created_at, issuer, subject";
const INSERT: &str = "INSERT INTO identities (issuer, subject, user_id, email, created_at, last_login_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const LOGIN: &str = "UPDATE identities SET email = $1, last_login_at = $2 WHERE issuer = $3 AND subject = $4";
const USERS: &str = "SELECT COUNT(*) FROM users";

/// Binds an identity's columns in the order of [`INSERT`].
macro_rules! bind_identity {
    ($identity:expr) => {
        sqlx::query(INSERT)
            .bind(&$identity.issuer)
            .bind(&$identity.subject)
            .bind($identity.user_id)
            .bind(&$identity.email)
            .bind($identity.created_at)
            .bind($identity.last_login_at)
    };
}

impl Db {
    pub async fn identity(&self, issuer: &str, subject: &str) -> StoreResult<Option<IdentityRow>> {
        Ok(read!(self, pool => sqlx::query_as(GET).bind(issuer).bind(subject).fetch_optional(pool).await)?)
    }

    pub async fn identities_of(&self, user: UserId) -> StoreResult<Vec<IdentityRow>> {
        Ok(read!(self, pool => sqlx::query_as(OF_USER).bind(user).fetch_all(pool).await)?)
    }

    /// Fails with `Exists` when the identity is somebody's already.
    pub async fn add_identity(&self, identity: &IdentityRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            let done = bind_identity!(identity).execute(&mut *tx).await;
            done.map_err(|error| StoreError::or_exists(error, || "the identity".to_owned()))?;
        })
    }

    pub async fn note_login(
        &self,
        issuer: &str,
        subject: &str,
        email: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(LOGIN).bind(email).bind(now).bind(issuer).bind(subject).execute(&mut *tx).await?;
        })
    }

    pub async fn has_users(&self) -> StoreResult<bool> {
        let count: i64 = read!(self, pool => sqlx::query_scalar(USERS).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Uses up the ticket and revokes every other link for the address. Fails with `Exists` when the address or the
    /// identity is taken, and with `NotFound` when the ticket is not good any more; then nothing is written.
    pub async fn add_person(&self, person: &NewPerson) -> StoreResult<()> {
        let NewPerson { user, identity, grants, ticket } = person;
        let gone = || StoreError::NotFound("a link that can still be used".to_owned());
        write_tx!(self, tx => {
            // Others who add people wait for this row, so that of several with one ticket one gets in.
            sqlx::query(ADVANCE_EPOCH).execute(&mut *tx).await?;
            if let Some(link) = ticket.link() {
                let now = user.created_at;
                let used = sqlx::query(links::USE).bind(now).bind(link).execute(&mut *tx).await?;
                if used.rows_affected() == 0 {
                    return Err(gone());
                }
            }
            if matches!(ticket, Ticket::First(_)) {
                let count: i64 = sqlx::query_scalar(USERS).fetch_one(&mut *tx).await?;
                if count > 0 {
                    return Err(gone());
                }
            }
            let done = sqlx::query(users::INSERT)
                .bind(user.id)
                .bind(&user.email)
                .bind(&user.name)
                .bind(user.created_at)
                .execute(&mut *tx)
                .await;
            done.map_err(|error| StoreError::or_exists(error, || format!("the user {}", user.email)))?;
            if let Some(identity) = identity {
                let done = bind_identity!(identity).execute(&mut *tx).await;
                done.map_err(|error| StoreError::or_exists(error, || "the identity".to_owned()))?;
            }
            for grant in grants {
                bind_grant!(grant).execute(&mut *tx).await?;
            }
            // Other links for the address would let the person in again who was deleted meanwhile.
            let others = sqlx::query(links::REVOKE_FOR).bind(user.created_at).bind(&user.email);
            others.execute(&mut *tx).await?;
        })
    }
}
