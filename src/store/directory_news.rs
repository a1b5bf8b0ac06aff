//! News of events from other processes: by notification on PostgreSQL, while SQLite has to be asked.

use super::{Db, StoreError, StoreResult};
use sqlx::postgres::PgListener;

pub(super) const CHANNEL: &str = "rack_gateway_directory";

/// Tells when an event may have been written elsewhere. Asking now and then is needed all the same.
#[derive(Debug)]
pub struct DirectoryNews(Option<PgListener>);

impl DirectoryNews {
    /// Resolves at the next news, never on an engine that tells none. An error means that the connection was lost.
    pub async fn next(&mut self) -> StoreResult<()> {
        match &mut self.0 {
            // `None` is a connection that was lost and is being made again: news may have been missed.
            Some(listener) => listener.try_recv().await.map(drop).map_err(StoreError::from),
            None => std::future::pending().await,
        }
    }
}

impl Db {
    pub async fn directory_news(&self) -> StoreResult<DirectoryNews> {
        match self {
            Self::Sqlite { .. } => Ok(DirectoryNews(None)),
            Self::Postgres(pool) => {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(CHANNEL).await?;
                Ok(DirectoryNews(Some(listener)))
            }
        }
    }
}
