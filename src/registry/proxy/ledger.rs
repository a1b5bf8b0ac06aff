//! Uploads under way: our name for each, whose it is, and what the registry behind calls it. Kept in the database, so
//! that an upload outlives the process and goes on at any replica.

use crate::{
    core::{SharedClock, id::UploadId},
    registry::{
        backend::Terms,
        error::Result,
        model::RepositoryName,
        uploading::{self, PATIENCE},
    },
    store::{Db, RegistryUploadRow},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::timeout,
};

#[derive(Debug)]
pub(super) struct Ledger {
    db: Db,
    clock: SharedClock,
    live: Mutex<HashMap<UploadId, Arc<AsyncMutex<()>>>>,
}

/// One upload that no other request of this process touches now.
#[derive(Debug)]
pub(super) struct Held {
    pub row: RegistryUploadRow,
    _alone: OwnedMutexGuard<()>,
}

impl Held {
    pub fn received(&self) -> u64 {
        u64::try_from(self.row.received).unwrap_or_default()
    }
}

impl Ledger {
    pub fn new(db: Db, clock: SharedClock) -> Self {
        Self { db, clock, live: Mutex::default() }
    }

    /// Notes an upload that was begun at `place`.
    pub async fn begin(&self, repository: &RepositoryName, place: String, terms: &Terms) -> Result<UploadId> {
        let now = self.clock.now();
        let row = RegistryUploadRow {
            id: UploadId::new(now),
            repository: repository.to_string(),
            subject: terms.subject.as_deref().map(str::to_owned),
            place,
            received: 0,
            created_at: now,
            touched_at: now,
        };
        self.db.add_registry_upload(&row).await?;
        Ok(row.id)
    }

    /// An upload belongs to its repository and to whoever began it: to all others it is as unknown as one that never
    /// was.
    pub async fn hold(&self, repository: &RepositoryName, upload: UploadId, terms: &Terms) -> Result<Held> {
        let is_own = |row: &RegistryUploadRow| {
            let by = row.subject.as_deref();
            row.repository == repository.as_str() && (by.is_none() || by == terms.subject.as_deref())
        };
        // Before a lock is made for it.
        let row = self.db.registry_upload(upload).await?;
        row.filter(is_own).ok_or_else(uploading::unknown)?;
        let lock = self.lock(upload);
        let Ok(alone) = timeout(PATIENCE, lock.lock_owned()).await else { return Err(uploading::busy()) };
        let row = self.db.registry_upload(upload).await?.ok_or_else(uploading::unknown)?;
        Ok(Held { row, _alone: alone })
    }

    /// Notes how far it has come and where it goes on.
    pub async fn advance(&self, held: &mut Held, place: String, received: u64) -> Result<()> {
        held.row.place = place;
        held.row.received = i64::try_from(received).unwrap_or(i64::MAX);
        held.row.touched_at = self.clock.now();
        Ok(self.db.move_registry_upload(&held.row).await?)
    }

    pub async fn end(&self, held: Held) -> Result<()> {
        let upload = held.row.id;
        self.db.delete_registry_upload(upload).await?;
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
        Ok(())
    }

    /// Forgets uploads that rested for longer, and what replicas had to themselves when they died.
    pub async fn sweep(&self, resting: Duration) -> Result<u64> {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, lock| Arc::strong_count(lock) > 1);
        let now = self.clock.now();
        self.db.sweep_registry_leases(now).await?;
        Ok(self.db.sweep_registry_uploads(now.saturating_sub(resting)).await?)
    }

    fn lock(&self, upload: UploadId) -> Arc<AsyncMutex<()>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.entry(upload).or_default().clone()
    }
}
