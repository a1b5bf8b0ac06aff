//! The one way in: from the headers of a request to a principal, counted and noted.

use super::{
    AccessCache, AccessStale, AuthError, Presented, Principal, TokenUsage, Via, authenticate::authenticate,
};
use crate::{core::Timestamp, observe::metrics::TokenMetrics};
use http::HeaderMap;
use std::sync::{Arc, LazyLock};

#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Stale(#[from] AccessStale),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

#[derive(Clone, Debug)]
pub struct Entrance {
    pub access: Arc<AccessCache>,
    pub usage: Arc<TokenUsage>,
    pub tokens: TokenMetrics,
}

impl Entrance {
    pub fn admit(&self, headers: &HeaderMap, now: Timestamp) -> Result<Principal, NotAdmitted> {
        let snapshot = self.access.current()?;
        let known = authenticate(&snapshot, &Presented::read(headers), now);
        count(known.as_ref().err());
        let principal = known?;
        match &principal.via {
            Via::Token(token) => {
                self.usage.note(token.id, now);
                self.tokens.record(&token.name);
            }
            Via::Session(session) => session.saw(now),
        }
        Ok(principal)
    }
}

/// Success is on every request's way, so its counter is looked up once.
fn count(error: Option<&AuthError>) {
    static SUCCESS: LazyLock<metrics::Counter> =
        LazyLock::new(|| metrics::counter!("gateway_authentications_total", "outcome" => "success"));
    match error {
        None => SUCCESS.increment(1),
        Some(error) => {
            metrics::counter!("gateway_authentications_total", "outcome" => error.code()).increment(1);
        }
    }
}
