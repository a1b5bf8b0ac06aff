//! Opening the database that the configuration names.

use super::BootError;
use crate::{
    config::{DatabaseConfig, DatabaseTarget},
    store::{Db, Options, Place, private_directory},
};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// An open, migrated database, and the lock that keeps a second process away from an embedded one.
pub struct Opened {
    pub db: Db,
    /// The database's file, when it is one.
    pub file: Option<PathBuf>,
    /// Released by the system when the process ends, however it ends.
    pub lock: Option<File>,
}

/// Opens for serving. An embedded database is migrated on the way; PostgreSQL is shared, so its migration is a
/// step of its own.
pub async fn open(config: &DatabaseConfig) -> Result<Opened, BootError> {
    let (place, file) = match &config.target {
        DatabaseTarget::Sqlite { path } => (Place::Sqlite(path.clone()), Some(path.clone())),
        DatabaseTarget::Postgres { url } => (Place::Postgres(url.clone()), None),
    };
    let lock = file.as_deref().map(lock).transpose()?;
    let day = Duration::from_secs(86_400);
    let options = Options {
        place,
        max_connections: config.pool.max_open,
        min_connections: config.pool.max_idle.min(config.pool.max_open),
        max_lifetime: config.pool.max_lifetime.unwrap_or(day),
        idle_timeout: config.pool.max_idle_time.unwrap_or(day),
    };
    let db = Db::open(&options).await.map_err(BootError::Database)?;
    if file.is_some() {
        let report = db.migrate().await.map_err(BootError::Database)?;
        if report.applied > 0 {
            tracing::info!(applied = report.applied, "migrated the embedded database");
        }
    } else if !db.is_migrated().await {
        return Err(BootError::NotMigrated);
    }
    Ok(Opened { db, file, lock })
}

fn lock(database: &Path) -> Result<File, BootError> {
    let path = database.with_extension("lock");
    let failed = |source| BootError::File { path: path.clone(), source };
    if let Some(directory) = database.parent() {
        private_directory(directory).map_err(failed)?;
    }
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BootError::Locked(database.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
