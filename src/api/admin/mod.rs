//! What the endpoints of administration share: changes that are recorded and in force at once, parameters of the path
//! and of the query, pages.

mod path;
mod query;
mod refused;

pub use path::Params;
pub use query::{Query, page};

use super::{ApiError, Context, Note};
use crate::{
    identity::change::{Done, Refused},
    store::{AccessRows, StoreResult},
};

/// Waits for a change, writes before and after into the record, and has this replica see it before the answer.
pub async fn changed<T>(
    context: &Context,
    note: &Note,
    change: impl Future<Output = Result<Done<T>, Refused>>,
) -> Result<T, ApiError> {
    let Done { value, changes } = Box::pin(change).await?;
    note.changes(&changes.before, &changes.after);
    if let Err(error) = context.entrance.access.refresh().await {
        // It is made, and the next look at the database will find it.
        tracing::warn!(%error, "a change of rights could not be read back at once");
    }
    Ok(value)
}

/// Users, roles, tokens, grants and settings as they are.
pub async fn rows(context: &Context) -> StoreResult<AccessRows> {
    context.db.standing_rows().await
}
