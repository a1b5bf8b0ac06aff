//! Everything that decisions are made from, read at once, and the epoch that tells when to read it again.

use super::{Db, GrantRow, LinkRow, RoleRow, SessionRow, SettingRow, StoreResult, TokenRow, UserRow, read};
use crate::core::Timestamp;

/// Grows with every change to users, roles, tokens, grants, sessions or settings.
pub type Epoch = i64;

pub(super) const ADVANCE_EPOCH: &str = "UPDATE access_epoch SET epoch = epoch + 1 WHERE id = 1";
pub(super) const NEXT_EPOCH: &str = "UPDATE access_epoch SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch";
const EPOCH: &str = "SELECT epoch FROM access_epoch WHERE id = 1";

/// The access tables as they were at `epoch`, or a little later: readers compare epochs again next time.
#[derive(Clone, Debug)]
pub struct AccessRows {
    pub epoch: Epoch,
    pub users: Vec<UserRow>,
    pub roles: Vec<RoleRow>,
    pub tokens: Vec<TokenRow>,
    pub grants: Vec<GrantRow>,
    pub sessions: Vec<SessionRow>,
    pub settings: Vec<SettingRow>,
    /// Those that can still be used and give a role. Read where something is decided on, and only there.
    pub invitations: Vec<LinkRow>,
}

impl Db {
    /// One indexed read; also serves as the proof that the database answers.
    pub async fn access_epoch(&self) -> StoreResult<Epoch> {
        Ok(read!(self, pool => sqlx::query_scalar(EPOCH).fetch_one(pool).await)?)
    }

    pub async fn access_rows(&self, now: Timestamp) -> StoreResult<AccessRows> {
        let rows = self.standing_rows().await?;
        Ok(AccessRows { sessions: self.live_sessions(now).await?, ..rows })
    }

    /// The same without sessions, of which there may be many.
    pub async fn standing_rows(&self) -> StoreResult<AccessRows> {
        // The epoch is read first: a change between the reads makes the next comparison differ.
        let epoch = self.access_epoch().await?;
        Ok(AccessRows {
            epoch,
            users: self.users().await?,
            roles: self.custom_roles().await?,
            tokens: self.tokens().await?,
            grants: self.grants().await?,
            sessions: Vec::new(),
            settings: self.settings().await?,
            invitations: Vec::new(),
        })
    }
}
