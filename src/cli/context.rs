//! The open database, and the one way in which the commands change it.

use super::{account, failure::Failure, output};
use crate::{
    audit::{LocalChange, LocalEvent},
    config::{Config, DatabaseConfig, DatabaseTarget, Env},
    core::{RequestId, SharedClock, Timestamp},
    notify::mail::Mailer,
    store::{AccessRows, Db, MigrationReport, Options, Place, StoreResult},
};
use std::{
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

#[derive(Debug)]
pub struct Admin {
    db: Db,
    clock: SharedClock,
    actor: Arc<str>,
    mailer: Mailer,
}

/// A change in the words of the audit log.
#[derive(Debug)]
pub struct What {
    /// As in `user.create`.
    pub action: &'static str,
    pub resource_type: &'static str,
    pub resource: String,
    pub detail: Option<String>,
}

impl Admin {
    /// Opens the database. An embedded one that does not exist yet is made and migrated, and told of on stderr: the
    /// path may be a wrong one.
    pub async fn open(config: &DatabaseConfig, env: &dyn Env, clock: SharedClock) -> Result<Self, Failure> {
        let new = match &config.target {
            DatabaseTarget::Sqlite { path } if is_missing(path) => Some(path),
            DatabaseTarget::Sqlite { .. } | DatabaseTarget::Postgres { .. } => None,
        };
        let admin = Self::connect(&config.target, env, clock).await?;
        if let Some(path) = new {
            let told = format!("created the database {}", path.display());
            let _ = writeln!(io::stderr(), "{}", output::plain(&told));
            admin.migrate().await?;
        }
        if !admin.db.is_migrated().await {
            return Err(Failure::NotDone(format!(
                "the database ({}) is not set up for this version; run `rack-gateway migrate`",
                config.target.describe()
            )));
        }
        Ok(admin)
    }

    /// Opens the database as it is.
    pub async fn connect(
        target: &DatabaseTarget,
        env: &dyn Env,
        clock: SharedClock,
    ) -> Result<Self, Failure> {
        let place = match target {
            DatabaseTarget::Sqlite { path } => Place::Sqlite(path.clone()),
            DatabaseTarget::Postgres { url } => Place::Postgres(url.clone()),
        };
        let options = Options { max_connections: 2, ..Options::new(place) };
        let db = Db::open(&options).await?;
        Ok(Self { db, clock, actor: account::actor(env).into(), mailer: Mailer::off() })
    }

    /// Tells people by mail what is changed about them, if the configuration has a mail server. The gateway sends it.
    #[must_use]
    pub fn telling(self, config: &Config) -> Self {
        let mailer = Mailer::configured(config, &self.db, &self.clock);
        Self { mailer, ..self }
    }

    pub const fn mailer(&self) -> &Mailer {
        &self.mailer
    }

    /// As it stands in records and mails.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    pub async fn close(&self) {
        self.db.close().await;
    }

    pub fn db(&self) -> &Db {
        &self.db
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn rows(&self) -> Result<AccessRows, Failure> {
        Ok(self.db.access_rows(self.now()).await?)
    }

    /// Carries out `work` between two durable records. When the intent cannot be recorded, `work` never runs.
    pub async fn change<T, E: Into<Failure>>(
        &self,
        what: What,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        let change = self.begin(what);
        self.record(&change, LocalEvent::Intent).await.map_err(Failure::NoAudit)?;
        match work.await {
            Ok(done) => {
                self.record(&change, LocalEvent::Done).await.map_err(Failure::Unrecorded)?;
                Ok(done)
            }
            Err(error) => {
                // The intent stands in the log; why the work failed matters more to the caller.
                let _ = self.record(&change, LocalEvent::Failed).await;
                Err(error.into())
            }
        }
    }

    /// Migrates, and records that afterwards: before, there may be no audit log.
    pub async fn migrate(&self) -> Result<MigrationReport, Failure> {
        let change = self.begin(What {
            action: "database.migrate",
            resource_type: "database",
            resource: self.db.engine().to_owned(),
            detail: None,
        });
        let report = self.db.migrate().await?;
        if report.applied > 0 {
            let detail = Some(format!("{} applied, {} in all", report.applied, report.total));
            let change = LocalChange { detail, ..change };
            self.record(&change, LocalEvent::Done).await.map_err(Failure::Unrecorded)?;
        }
        Ok(report)
    }

    fn begin(&self, what: What) -> LocalChange {
        let at = self.now();
        let What { action, resource_type, resource, detail } = what;
        let (request_id, actor) = (RequestId::new(at), self.actor.clone());
        LocalChange { at, request_id, actor, action, resource, resource_type, detail }
    }

    async fn record(&self, change: &LocalChange, how_far: LocalEvent) -> StoreResult<()> {
        self.db.append_audit(&[change.row(how_far, self.now())]).await.map(drop)
    }
}

/// An empty file holds no database either.
fn is_missing(path: &Path) -> bool {
    path.metadata().map_or(true, |file| file.len() == 0)
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::{config::MapEnv, core::clock::FixedClock};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A new database in a directory that goes away with the second value.
    pub async fn admin() -> (Admin, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.db").to_string_lossy().into_owned();
        let config = Config::load(&MapEnv::from([("SQLITE_PATH", path)]), None).unwrap();
        let clock = FixedClock::at(Timestamp::from_micros(1_700_000_000_000_000));
        let admin = Admin::open(&config.database, &MapEnv::default(), clock).await.unwrap();
        (admin, dir)
    }

    /// Counts how often work was begun.
    #[derive(Debug, Default)]
    pub struct Work(AtomicU32);

    impl Work {
        pub async fn run(&self, result: StoreResult<()>) -> StoreResult<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            result
        }

        pub fn runs(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::Work, *};
    use crate::store::{AuditFilter, StoreError};

    fn what() -> What {
        What {
            action: "user.create",
            resource_type: "user",
            resource: "ada@example.com".into(),
            detail: None,
        }
    }

    async fn statuses(admin: &Admin) -> Vec<String> {
        let filter = AuditFilter { action: Some("user.create".into()), limit: 10, ..AuditFilter::default() };
        let rows = admin.db().audit_rows(&filter).await.unwrap();
        let status = |record: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(record).unwrap();
            format!("{} {}", value["event"].as_str().unwrap(), value["status"].as_str().unwrap())
        };
        rows.iter().rev().map(|row| status(&row.record)).collect()
    }

    #[tokio::test]
    async fn a_change_stands_between_two_records() {
        let (admin, _dir) = testing::admin().await;
        let work = Work::default();
        admin.change(what(), work.run(Ok(()))).await.unwrap();
        assert_eq!(statuses(&admin).await, ["intent pending", "outcome success"]);
        assert_eq!(work.runs(), 1);
    }

    #[tokio::test]
    async fn a_change_that_fails_is_recorded_as_failed() {
        let (admin, _dir) = testing::admin().await;
        let taken = Err(StoreError::Exists("the user".to_owned()));
        let failure = admin.change(what(), Work::default().run(taken)).await.unwrap_err();
        assert!(matches!(failure, Failure::Store(StoreError::Exists(_))), "{failure:?}");
        assert_eq!(statuses(&admin).await, ["intent pending", "outcome failed"]);
    }

    #[tokio::test]
    async fn without_an_audit_log_nothing_is_changed() {
        let (admin, _dir) = testing::admin().await;
        admin.close().await;
        let work = Work::default();
        let failure = admin.change(what(), work.run(Ok(()))).await.unwrap_err();
        assert!(matches!(failure, Failure::NoAudit(_)), "{failure:?}");
        assert_eq!(work.runs(), 0);
    }
}
