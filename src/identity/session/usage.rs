//! When each session was last used: kept in the access snapshot, written in batches, and read back for what other
//! replicas saw, so that a session that is used here is not idle there.

use crate::{
    core::{SharedClock, Timestamp, id::SessionId},
    identity::AccessCache,
    store::Db,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Far less than the shortest idle limit, one minute.
const EVERY: Duration = Duration::from_secs(10);
/// How far back others' notes are read; a replica writes at least this often.
const BACK: i64 = 60 * 1_000_000;

#[derive(Debug)]
pub struct SessionUsage {
    written: HashMap<SessionId, Timestamp>,
}

impl SessionUsage {
    /// What the snapshot holds now came from the database.
    pub fn begin(access: &AccessCache) -> Self {
        Self { written: access.sessions_seen().into_iter().collect() }
    }

    /// Writes what is newer than what was written, and learns what others wrote.
    pub async fn exchange(&mut self, access: &AccessCache, db: &Db, now: Timestamp) {
        let seen = access.sessions_seen();
        let is_news = |(id, at): &(SessionId, Timestamp)| self.written.get(id).is_none_or(|known| at > known);
        let news: Vec<_> = seen.iter().copied().filter(is_news).collect();
        if !news.is_empty()
            && let Err(error) = db.note_session_uses(&news).await
        {
            tracing::warn!(%error, "cannot note when sessions were last used; will try again");
            return;
        }
        self.written = seen.into_iter().collect();
        let since = Timestamp::from_micros(now.as_micros().saturating_sub(BACK));
        match db.sessions_seen_since(since).await {
            Ok(others) => {
                access.sessions_were_seen(&others);
                // What they wrote is no news of ours.
                for (id, at) in others {
                    let known = self.written.entry(id).or_insert(at);
                    *known = at.max(*known);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot read when sessions were last used elsewhere"),
        }
    }

    pub async fn keep_exchanging(
        mut self,
        access: Arc<AccessCache>,
        db: Db,
        clock: SharedClock,
        stop: CancellationToken,
    ) {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.exchange(&access, &db, clock.now()).await;
        }
        self.exchange(&access, &db, clock.now()).await;
    }
}
