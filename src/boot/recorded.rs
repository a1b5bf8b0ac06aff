//! Changes that the start itself makes, between two records as the commands make them.

use crate::{
    audit::{LocalChange, LocalEvent},
    core::{RequestId, SharedClock},
    store::{Db, StoreError, StoreResult},
};

pub struct Recorder<'a> {
    db: &'a Db,
    clock: &'a SharedClock,
}

impl<'a> Recorder<'a> {
    pub const fn new(db: &'a Db, clock: &'a SharedClock) -> Self {
        Self { db, clock }
    }

    pub fn begin(
        &self,
        action: &'static str,
        resource_type: &'static str,
        resource: String,
        detail: Option<String>,
    ) -> LocalChange {
        let at = self.clock.now();
        let actor = "local:start".into();
        LocalChange { at, request_id: RequestId::new(at), actor, action, resource, resource_type, detail }
    }

    /// When the intent cannot be recorded, `work` never runs.
    pub async fn carry_out<T, E: From<StoreError>>(
        &self,
        change: &LocalChange,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.record(change, LocalEvent::Intent).await?;
        let done = work.await;
        let how = if done.is_ok() { LocalEvent::Done } else { LocalEvent::Failed };
        self.record(change, how).await?;
        done
    }

    async fn record(&self, change: &LocalChange, how_far: LocalEvent) -> StoreResult<()> {
        self.db.append_audit(&[change.row(how_far, self.clock.now())]).await.map(drop)
    }
}
