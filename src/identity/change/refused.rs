//! Why a change was not made, in words for whoever asked for it.

use crate::{policy::NotYours, store::StoreError};

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
    #[error("{0} does not exist")]
    NotFound(String),
    /// Things stand in the way that somebody else has put there.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    NotYours(#[from] NotYours),
    #[error("{0}")]
    NotAllowed(String),
    #[error(
        "this would leave nobody who may administer everything; give somebody else the role admin on * without an end first"
    )]
    LastAdmin,
    #[error("the database does not answer; try again shortly")]
    Store(#[source] StoreError),
}

impl Refused {
    pub fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(_) => Self::Conflict(error.to_string()),
            StoreError::NotFound(what) => Self::NotFound(what),
            other => Self::Store(other),
        }
    }
}
