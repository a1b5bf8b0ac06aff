//! What is kept between the way to a provider and the way back.

use super::state_cookie;
use crate::{
    api::{ApiError, Context},
    core::Secret,
    identity::{
        providers::{Pending, StoredPending},
        token::TokenHash,
    },
    store::CeremonyRow,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const KIND: &str = "login";

#[derive(Serialize, Deserialize)]
pub struct Departed {
    pub provider: String,
    pub return_to: String,
    /// Of the cookie of the browser in which it began.
    pub browser: String,
    pending: StoredPending,
}

impl Departed {
    pub fn new(provider: &str, return_to: String, browser: String, pending: &Pending) -> Self {
        Self { provider: provider.to_owned(), return_to, browser, pending: pending.store() }
    }

    pub async fn keep(&self, context: &Context, state: &Secret) -> Result<(), ApiError> {
        let now = context.clock.now();
        let ceremony = CeremonyRow {
            hash: TokenHash::of(state.expose()).as_bytes().to_vec(),
            kind: KIND.to_owned(),
            user_id: None,
            session_id: None,
            state: serde_json::to_string(self).map_err(|_| ApiError::internal())?,
            created_at: now,
            expires_at: now.saturating_add(Duration::from_secs(state_cookie::LIFE)),
        };
        Ok(context.db.add_ceremony(&ceremony).await?)
    }

    /// Once; `None` for a state that was never given, was used, or is too old.
    pub async fn take(context: &Context, state: &str) -> Result<Option<Self>, ApiError> {
        let hash = TokenHash::of(state);
        let taken = context.db.take_ceremony(hash.as_bytes(), KIND, context.clock.now()).await?;
        Ok(taken.and_then(|ceremony| serde_json::from_str(&ceremony.state).ok()))
    }

    pub fn into_pending(self) -> Pending {
        self.pending.into()
    }
}
