//! The one way in: from the headers of a request to a principal, counted and noted.

use super::{
    AccessCache, AccessStale, AuthError, Presented, Principal, TokenUsage, Via, authenticate::authenticate,
    cookie::SessionCookie,
};
use crate::{
    core::{
        Secret, SharedClock, Timestamp,
        id::{SessionId, TokenId},
    },
    observe::metrics::TokenMetrics,
};
use http::HeaderMap;
use std::sync::{Arc, LazyLock};

#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Stale(#[from] AccessStale),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// By what a caller was let in.
#[derive(Clone, Debug)]
pub enum Means {
    /// The `Authorization` header, which no other site can make a browser send.
    Header,
    /// The session cookie; its secret, from which the CSRF token is made.
    Cookie(Secret),
}

#[derive(Clone, Debug)]
pub struct Admitted {
    pub principal: Principal,
    pub by: Means,
}

#[derive(Clone, Debug)]
pub struct Entrance {
    pub access: Arc<AccessCache>,
    pub usage: Arc<TokenUsage>,
    pub tokens: TokenMetrics,
    pub cookie: SessionCookie,
    pub clock: SharedClock,
}

impl Entrance {
    /// By the `Authorization` header only: for whatever is passed on to somebody else.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Principal, NotAdmitted> {
        self.let_in(&Presented::read(headers)).await
    }

    /// By the header, or else by the cookie: for the gateway's own API and pages. When both are there the header
    /// decides alone.
    pub async fn admit_browser(&self, headers: &HeaderMap) -> Result<Admitted, NotAdmitted> {
        let presented = Presented::read(headers);
        if presented == Presented::Nothing
            && let Some((presented, secret)) = self.cookie.read(headers)
        {
            return Ok(Admitted { principal: self.let_in(&presented).await?, by: Means::Cookie(secret) });
        }
        Ok(Admitted { principal: self.let_in(&presented).await?, by: Means::Header })
    }

    async fn let_in(&self, presented: &Presented) -> Result<Principal, NotAdmitted> {
        let now = self.clock.now();
        let mut known = self.look_up(presented, now)?;
        if matches!((&known, presented), (Err(AuthError::Unknown), Presented::Session(_))) {
            // What goes wrong here leaves the caller as unknown as before.
            let _ = Box::pin(self.access.catch_up()).await;
            known = self.look_up(presented, now)?;
        }
        count(known.as_ref().err());
        let principal = known?;
        self.note(&principal, now);
        Ok(principal)
    }

    /// Whoever was let in by this token before, with the rights they have now.
    pub fn recall_token(&self, id: TokenId) -> Result<Principal, NotAdmitted> {
        let now = self.clock.now();
        let principal = self.access.current()?.recall_token(id, now)?;
        self.note(&principal, now);
        Ok(principal)
    }

    /// Whoever was let in by this session before, with the rights they have now.
    pub fn recall_session(&self, id: SessionId) -> Result<Principal, NotAdmitted> {
        let now = self.clock.now();
        let principal = self.access.current()?.recall_session(id, now)?;
        self.note(&principal, now);
        Ok(principal)
    }

    /// Whoever is in the middle of a call, with the rights they have now. It counts as the one call that it is.
    pub fn again(&self, principal: &Principal) -> Result<Principal, NotAdmitted> {
        Ok(self.access.current()?.again(principal, self.clock.now())?)
    }

    fn note(&self, principal: &Principal, now: Timestamp) {
        match &principal.via {
            Via::Token(token) => {
                self.usage.note(token.id, now);
                self.tokens.record(&token.name);
            }
            Via::Session(session) => session.saw(now),
        }
    }

    fn look_up(
        &self,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Result<Principal, AuthError>, AccessStale> {
        Ok(authenticate(&**self.access.current()?, presented, now))
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
