//! Opening either engine with the settings that the rest of the store relies on.

use super::{DatabaseFile, Db, StoreError, StoreResult};
use crate::core::Secret;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::os::unix::fs::DirBuilderExt as _;
use std::{
    future::ready,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};
use tokio::time::timeout;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Place {
    Sqlite(PathBuf),
    /// `postgres://user:password@host/database`.
    Postgres(Secret),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub place: Place,
    pub max_connections: u32,
    pub min_connections: u32,
    pub max_lifetime: Duration,
    pub idle_timeout: Duration,
}

impl Options {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            max_connections: 10,
            min_connections: 1,
            max_lifetime: Duration::from_secs(1_800),
            idle_timeout: Duration::from_secs(600),
        }
    }
}

/// How long a query waits for a connection before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(2);

/// Connections of the pool, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    pub used: u32,
    pub idle: u32,
    pub max: u32,
}

impl Db {
    /// Connects without migrating. Creates the SQLite file and its directory when they are missing.
    pub async fn open(options: &Options) -> StoreResult<Self> {
        match &options.place {
            Place::Sqlite(path) => open_sqlite(path, options).await,
            Place::Postgres(url) => open_postgres(url, options).await,
        }
    }

    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    pub fn pool_state(&self) -> PoolState {
        let (size, idle, max) = match self {
            Self::Sqlite { read, write, .. } => (
                read.size() + write.size(),
                read.num_idle() + write.num_idle(),
                read.options().get_max_connections() + write.options().get_max_connections(),
            ),
            Self::Postgres(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
        };
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        PoolState { used: size.saturating_sub(idle), idle, max }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, file } => {
                read.close().await;
                write.close().await;
                file.release().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Makes the directory and what is missing above it, for the owner alone: the database holds the hashes of tokens
/// and the audit log. One that exists keeps its mode.
pub fn private_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

async fn open_sqlite(path: &Path, options: &Options) -> StoreResult<Db> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        private_directory(directory).map_err(|error| {
            StoreError::Open(format!("cannot make the database directory {}: {error}", directory.display()))
        })?;
    }
    // The write-ahead log is checkpointed rarely: the audit log appends much, and a checkpoint of scattered
    // index pages is what costs. FULL makes an acknowledged commit survive a power cut.
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .page_size(8_192)
        .statement_cache_capacity(64)
        .pragma("wal_autocheckpoint", "8192")
        // What undoes a statement of many rows is thrown away at its end: no file for that.
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16384")
        // An index made for one question would read the whole log; what is worth an index has one.
        .pragma("automatic_index", "false");
    let open = |error: sqlx::Error| StoreError::Open(format!("cannot open {}: {error}", path.display()));
    // A disk may take longer to make the file and its log than a pool waits for a connection.
    let mut first = connect.connect().await.map_err(open)?;
    // Where the file has left its path, another is not made in its place.
    let connect = connect.create_if_missing(false);
    // SQLite itself rolls back when a write fails, as on a full disk. The driver then takes its own rollback for
    // failed and the connection for one inside a transaction, for ever: such a connection is replaced.
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(ready(Ok(!connection.is_in_transaction()))))
        .connect_with(connect.clone())
        .await
        .map_err(open)?;
    let read = SqlitePoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(options.idle_timeout)
        .connect_with(connect.pragma("cache_size", "-4096").pragma("query_only", "true"))
        .await
        .map_err(open)?;
    let file = DatabaseFile::at(path).map_err(sqlx::Error::Io).map_err(open)?;
    // Only who has read from the log has it open.
    sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut first).await.map_err(open)?;
    file.keep_open_by(first);
    Ok(Db::Sqlite { read, write, file })
}

async fn open_postgres(url: &Secret, options: &Options) -> StoreResult<Db> {
    let connect = PgConnectOptions::from_str(url.expose())
        .map_err(|_| StoreError::Open("the database URL is not a postgres:// URL".to_owned()))?
        .application_name("rack-gateway")
        .options([("statement_timeout", "30000"), ("lock_timeout", "10000")]);
    let opened = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .min_connections(options.min_connections)
        .max_lifetime(options.max_lifetime)
        .idle_timeout(options.idle_timeout)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(can_write(connection)))
        .connect_with(connect.clone())
        .await;
    let pool = match opened {
        Ok(pool) => pool,
        Err(error) => return Err(Box::pin(away(&connect, error)).await),
    };
    match sqlx::query_scalar::<_, String>("SHOW server_encoding").fetch_one(&pool).await {
        Ok(encoding) if encoding == "UTF8" => Ok(Db::Postgres(pool)),
        Ok(encoding) => {
            pool.close().await;
            Err(narrow(&connect, &encoding))
        }
        Err(error) => Err(Box::pin(away(&connect, error)).await),
    }
}

/// One path with a character that the encoding does not have would stop the audit log, and with it everything.
fn narrow(connect: &PgConnectOptions, encoding: &str) -> StoreError {
    let name = connect.get_database().unwrap_or_else(|| connect.get_username());
    StoreError::Open(format!(
        "the PostgreSQL database {name} has the encoding {encoding}, which cannot hold every text; make one with \
         CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    ))
}

/// The pool knocks again while a server refuses, as one does that starts, and in the end it tells only that the time
/// is over. One connection beside it tells why.
async fn away(connect: &PgConnectOptions, error: sqlx::Error) -> StoreError {
    let why = match error {
        sqlx::Error::PoolTimedOut => {
            let alone = Box::pin(PgConnection::connect_with(connect));
            match timeout(ACQUIRE, alone).await {
                Ok(Err(cause)) => cause.to_string(),
                Ok(Ok(_)) => "it answered too late; try again".to_owned(),
                Err(_) => format!("no answer within {ACQUIRE:?}"),
            }
        }
        other => other.to_string(),
    };
    let place = connect.get_socket().map_or_else(
        || format!("{}:{}", connect.get_host(), connect.get_port()),
        |socket| socket.display().to_string(),
    );
    StoreError::Open(format!("cannot connect to PostgreSQL at {place}: {why}"))
}

/// In place of the pool's own ping, and at its price. A session that began while the server was read-only, as
/// around a failover, may stay so for as long as it lives: it is closed, and a new one opened.
async fn can_write(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let read_only: String = sqlx::query_scalar("SHOW transaction_read_only").fetch_one(connection).await?;
    Ok(read_only == "off")
}
