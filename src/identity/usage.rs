//! When each token was last used, collected in memory and written in batches.

use crate::{
    core::{Timestamp, id::TokenId},
    store::Db,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct TokenUsage {
    latest: Mutex<HashMap<TokenId, Timestamp>>,
}

impl TokenUsage {
    pub fn note(&self, token: TokenId, at: Timestamp) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(token, at);
    }

    /// Writes what was noted. On failure the notes are kept for the next time, unless newer ones came.
    pub async fn flush(&self, db: &Db) {
        let uses: Vec<_> = self.latest.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = db.note_token_uses(&uses).await {
            tracing::warn!(%error, "cannot note when tokens were last used; will try again");
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            for (token, at) in uses {
                latest.entry(token).or_insert(at);
            }
        }
    }

    pub async fn keep_flushing(self: Arc<Self>, db: Db, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.flush(&db).await;
        }
        self.flush(&db).await;
    }
}
