//! What can go wrong between us and the database, in the terms of a caller who can act.

pub type StoreResult<T> = Result<T, StoreError>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique value is taken.
    #[error("{0} exists already")]
    Exists(String),
    #[error("{0} does not exist")]
    NotFound(String),
    /// The database refused or did not answer. The cause is for logs, never for clients.
    #[error("the database did not do its work")]
    Unavailable(#[source] sqlx::Error),
    #[error("{0}")]
    Open(String),
    #[error("migration failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row that this version cannot read.
    #[error("the database holds {what}, which this version cannot read: {why}")]
    Unreadable { what: String, why: String },
}

impl StoreError {
    /// Turns the violation of a unique column into [`StoreError::Exists`] with a name for `what`.
    pub(super) fn or_exists(error: sqlx::Error, what: impl FnOnce() -> String) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Exists(what()),
            _ => Self::Unavailable(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error)
    }
}
