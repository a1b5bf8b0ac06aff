//! After a proof: the session is fresh, and in a browser it gets a new secret, so that whoever held the old one
//! alone does not profit.

use crate::{
    api::{ApiError, Context, Edge, csrf},
    core::Timestamp,
    identity::{
        Means, Principal,
        mfa::{Browser, set_trust_cookie},
    },
};
use http::{
    HeaderMap,
    header::{SET_COOKIE, USER_AGENT},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Verified {
    mfa_verified_at: Timestamp,
    recent_step_up_expires_at: Timestamp,
    /// For the new session cookie; the old one ended with the old cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

pub(super) struct Fresh {
    pub cookies: HeaderMap,
    pub verified: Verified,
}

/// Who proved, and how they came in.
pub(super) struct Prover<'a> {
    pub context: &'a Context,
    pub who: &'a Principal,
    pub means: &'a Means,
    pub now: Timestamp,
}

impl Prover<'_> {
    pub async fn freshen(&self) -> Result<Fresh, ApiError> {
        let Self { context, who, means, now } = self;
        let session = who.session().ok_or_else(ApiError::internal)?;
        let mut cookies = HeaderMap::new();
        let csrf_token = match means {
            Means::Cookie(_) => {
                let secret = context.sessions.prove(session.id).await?;
                cookies.append(SET_COOKIE, context.entrance.cookie.set(&secret));
                Some(csrf::token(&secret))
            }
            Means::Header => {
                context.sessions.note_step_up(session.id, *now).await?;
                None
            }
        };
        let until = now.saturating_add(context.step_up.policy().window);
        let verified = Verified { mfa_verified_at: *now, recent_step_up_expires_at: until, csrf_token };
        Ok(Fresh { cookies, verified })
    }

    /// Adds the cookie of a trusted browser; command lines have no use for one.
    pub async fn trust(&self, edge: Edge, headers: &HeaderMap, fresh: &mut Fresh) -> Result<(), ApiError> {
        let Self { context, who, means, now } = self;
        if matches!(means, Means::Header) {
            return Ok(());
        }
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let browser = Browser { ip: edge.ip, user_agent };
        let lifetime = context.sessions.settings().trusted_device_ttl;
        let cookie = context.mfa.trust(who.user.id, browser, lifetime, *now).await?;
        let header = set_trust_cookie(&cookie, lifetime, context.entrance.cookie);
        fresh.cookies.append(SET_COOKIE, header);
        Ok(())
    }
}
