//! Things begun that may be finished once: a login at a provider, a passkey ceremony. The public handle is known
//! to the client; its SHA-256 is the key here, and taking deletes.

use super::{Db, StoreResult, write_tx};
use crate::core::{
    Timestamp,
    id::{SessionId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CeremonyRow {
    pub hash: Vec<u8>,
    /// A ceremony of one kind never counts as one of another.
    pub kind: String,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    /// What its room needs to finish it; JSON.
    pub state: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

const INSERT: &str = "INSERT INTO ceremonies (hash, kind, user_id, session_id, state, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const TAKE: &str = "DELETE FROM ceremonies WHERE hash = $1 AND kind = $2 \
     RETURNING hash, kind, user_id, session_id, state, created_at, expires_at";
const SWEEP: &str = "DELETE FROM ceremonies WHERE expires_at <= $1";

impl Db {
    pub async fn add_ceremony(&self, ceremony: &CeremonyRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(&ceremony.hash)
                .bind(&ceremony.kind)
                .bind(ceremony.user_id)
                .bind(ceremony.session_id)
                .bind(&ceremony.state)
                .bind(ceremony.created_at)
                .bind(ceremony.expires_at)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// Takes it out: of two that try, one gets it. An expired one is taken and not given.
    pub async fn take_ceremony(
        &self,
        hash: &[u8],
        kind: &str,
        now: Timestamp,
    ) -> StoreResult<Option<CeremonyRow>> {
        let taken: StoreResult<Option<CeremonyRow>> = write_tx!(self, tx => {
            sqlx::query_as(TAKE).bind(hash).bind(kind).fetch_optional(&mut *tx).await?
        });
        Ok(taken?.filter(|ceremony: &CeremonyRow| ceremony.expires_at > now))
    }

    /// Forgets the expired ones.
    pub async fn sweep_ceremonies(&self, now: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SWEEP).bind(now).execute(&mut *tx).await?.rows_affected())
    }
}
