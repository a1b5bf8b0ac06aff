//! The snapshot that requests read, and the task that keeps it young.

use super::{AccessSnapshot, SessionIdentity, settings::Settings, token::TokenHash};
use crate::{
    core::{SharedClock, Timestamp, id::SessionId},
    observe::errors::{FailureKind, capture_failure},
    store::{Db, StoreResult},
};
use arc_swap::{ArcSwap, Guard};
use futures_util::FutureExt as _;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// How often the database is asked whether anything changed. A lock or a revocation is in force everywhere
/// within this time and the length of one query.
const POLL: Duration = Duration::from_millis(200);

/// Past this age without an answer from the database, rights count as unknown and everything is refused:
/// a revocation must not wait for the database to come back.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long an unknown session waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often open streams look at their rights although nothing was written.
const BEAT: Duration = Duration::from_secs(3);

/// What the database was asked for, in reports.
const ACCESS_RULES: &str = "access rules";

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("rights could not be verified against the database for {0:?}")]
pub struct AccessStale(Duration);

#[derive(Debug)]
pub struct AccessCache {
    db: Db,
    clock: SharedClock,
    /// What the configuration says; the database may say otherwise.
    defaults: Settings,
    snapshot: ArcSwap<AccessSnapshot>,
    started: Instant,
    /// Held while the database is asked, so that newcomers share one answer.
    asking: Mutex<()>,
    /// Milliseconds after `started` at which the database last confirmed the snapshot's epoch.
    verified: AtomicU64,
    /// Beats when the snapshot changed, and every few seconds for rights that end by the clock.
    pulse: watch::Sender<()>,
}

impl AccessCache {
    /// Reads the snapshot for the first time.
    pub async fn load(db: Db, clock: SharedClock, defaults: impl Into<Settings>) -> StoreResult<Arc<Self>> {
        let defaults = defaults.into();
        let snapshot =
            ArcSwap::from_pointee(AccessSnapshot::compile(&db.access_rows(clock.now()).await?, defaults));
        Ok(Arc::new(Self {
            db,
            clock,
            defaults,
            snapshot,
            started: Instant::now(),
            asking: Mutex::new(()),
            verified: AtomicU64::new(0),
            pulse: watch::Sender::new(()),
        }))
    }

    /// The snapshot, unless it is too old to be trusted.
    pub fn current(&self) -> Result<Guard<Arc<AccessSnapshot>>, AccessStale> {
        let age = self.age();
        if age > MAX_AGE {
            return Err(AccessStale(age));
        }
        Ok(self.snapshot.load())
    }

    /// Settings as this process last saw them.
    pub fn settings(&self) -> Settings {
        self.snapshot.load().settings
    }

    /// Settings where the database says nothing.
    pub const fn defaults(&self) -> &Settings {
        &self.defaults
    }

    /// Changes whenever somebody who is in the middle of something should look at their rights again.
    pub fn pulse(&self) -> watch::Receiver<()> {
        self.pulse.subscribe()
    }

    /// Sessions that could be used now.
    fn open_sessions(&self) -> usize {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let is_open = |session: &&Arc<SessionIdentity>| {
            session.expires_at > now && !snapshot.settings.idle.is_over(session, now)
        };
        snapshot.sessions().filter(is_open).count()
    }

    /// Time since the database last confirmed the snapshot.
    pub fn age(&self) -> Duration {
        let verified = Duration::from_millis(self.verified.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(verified)
    }

    /// Asks the database once more, on behalf of somebody who showed a session that is not known here: another
    /// replica may have opened it a moment ago. However many ask, one question is open at a time, and all who came
    /// before it was put share its answer.
    pub async fn catch_up(&self) -> StoreResult<()> {
        let came = self.started.elapsed();
        let _turn = self.asking.lock().await;
        let verified = Duration::from_millis(self.verified.load(Ordering::Relaxed));
        if verified > came {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.ask()).await {
            Ok(refreshed) => refreshed,
            // The caller stays unknown, as without having asked.
            Err(_) => Ok(()),
        }
    }

    /// The hash of the session's present secret.
    pub fn session_hash(&self, id: SessionId) -> Option<TokenHash> {
        self.snapshot.load().session_hash(id)
    }

    pub fn session(&self, id: SessionId) -> Option<Arc<SessionIdentity>> {
        Some(self.snapshot.load().session_by_id(id)?.session.clone())
    }

    /// Every session's last use.
    pub fn sessions_seen(&self) -> Vec<(SessionId, Timestamp)> {
        let snapshot = self.snapshot.load();
        snapshot.sessions().map(|session| (session.id, session.last_seen())).collect()
    }

    /// Takes over uses that others noted.
    pub fn sessions_were_seen(&self, uses: &[(SessionId, Timestamp)]) {
        let snapshot = self.snapshot.load();
        for (id, at) in uses {
            if let Some(entry) = snapshot.session_by_id(*id) {
                entry.session.saw(*at);
            }
        }
    }

    /// Compares epochs, and reads everything again when they differ.
    pub async fn refresh(&self) -> StoreResult<()> {
        // One after the other, so that an older answer never replaces a newer one.
        let _turn = self.asking.lock().await;
        self.ask().await
    }

    async fn ask(&self) -> StoreResult<()> {
        let asked_at = self.started.elapsed();
        if self.db.access_epoch().await? != self.snapshot.load().epoch {
            let rows = self.db.access_rows(self.clock.now()).await?;
            let newer = AccessSnapshot::compile(&rows, self.defaults);
            newer.inherit_uses(&self.snapshot.load());
            self.snapshot.store(Arc::new(newer));
            self.pulse.send_replace(());
        }
        let millis = u64::try_from(asked_at.as_millis()).unwrap_or(u64::MAX);
        self.verified.store(millis, Ordering::Relaxed);
        Ok(())
    }

    /// Refreshes until `stop`. Failures are logged once each time the database goes away.
    pub async fn keep_young(self: Arc<Self>, stop: CancellationToken) {
        let mut away = false;
        let mut beats = tokio::time::interval(BEAT);
        while stop.run_until_cancelled(tokio::time::sleep(POLL)).await.is_some() {
            let refreshed = tokio::time::timeout(MAX_AGE, self.refresh()).await;
            if beats.tick().now_or_never().is_some() {
                self.pulse.send_replace(());
            }
            metrics::gauge!("access_snapshot_age_seconds").set(self.age().as_secs_f64());
            metrics::gauge!("gateway_sessions_active").set(self.open_sessions() as f64);
            match refreshed {
                Ok(Ok(())) if away => {
                    away = false;
                    tracing::info!("the database answers again; rights are verified");
                }
                Ok(Ok(())) => {}
                Ok(Err(error)) if !away => {
                    away = true;
                    let cause = cause(&error);
                    tracing::error!(error = %cause, "cannot verify rights: the database does not answer");
                    capture_failure(FailureKind::Database, ACCESS_RULES, None, &cause);
                }
                Err(_) if !away => {
                    away = true;
                    tracing::error!("cannot verify rights: the database is too slow");
                    capture_failure(FailureKind::Database, ACCESS_RULES, None, "it took too long to answer");
                }
                _ => {}
            }
            metrics::gauge!("db_up").set(if away { 0.0 } else { 1.0 });
        }
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
