//! `GET /api/v1/info`: what the pages and the command line need to know at their start.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, SentryJs, cookie, csrf},
    core::{Secret, Timestamp, id::SessionId},
    identity::{Means, Principal, SessionIdentity, step_up},
    policy::{MfaLevel, Permission, Target},
    store::StoreError,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, Method};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/info",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "user.info",
};

#[derive(Serialize, ToSchema)]
pub struct Info {
    user: User,
    session: Session,
    /// For the header X-CSRF-Token of unsafe calls by cookie; null for a command line, which needs none.
    csrf_token: Option<String>,
    /// The default rack; null for who may not see it.
    rack: Option<Rack>,
    racks: Vec<Rack>,
    version: Version,
    /// For the pages' own error reports.
    sentry: Option<SentryJs>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InfoUser)]
pub struct User {
    email: String,
    name: String,
    roles: Vec<String>,
    mfa_enrolled: bool,
    mfa_required: bool,
    preferred_mfa_method: Option<String>,
    recent_step_up_expires_at: Option<Timestamp>,
    has_trusted_device: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InfoSession)]
pub struct Session {
    id: SessionId,
    channel: &'static str,
    expires_at: Timestamp,
    idle_expires_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InfoRack)]
pub struct Rack {
    name: String,
    alias: Option<String>,
    host: String,
}

#[derive(Serialize, ToSchema)]
pub struct Version {
    version: &'static str,
    commit_hash: Option<&'static str>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(means): Extension<Means>,
) -> Result<Response, ApiError> {
    let Some(session) = principal.session() else { return Err(ApiError::internal()) };
    let mut headers = HeaderMap::new();
    let csrf_token = match means {
        Means::Header => None,
        Means::Cookie(secret) => Some(csrf::token(&renewed(&context, session, secret, &mut headers).await?)),
    };
    let info = Info {
        user: user(&context, &principal, session).await?,
        session: view(&context, session),
        csrf_token,
        rack: racks(&context, &principal).into_iter().next(),
        racks: racks(&context, &principal),
        version: Version { version: env!("CARGO_PKG_VERSION"), commit_hash: option_env!("COMMIT_HASH") },
        sentry: context.sentry.clone(),
    };
    Ok((headers, Json(info)).into_response())
}

/// The session's secret, or a new one when rights were given since it was made: whoever may have seen the old one
/// shall not have them. Only here, where a page begins: of several calls at once the others would still bring the
/// old one.
async fn renewed(
    context: &Context,
    session: &SessionIdentity,
    secret: Secret,
    headers: &mut HeaderMap,
) -> Result<Secret, ApiError> {
    if !session.is_outgrown {
        return Ok(secret);
    }
    match context.sessions.rotate(session.id).await {
        Ok(new) => {
            cookie::set_session(context, headers, &new);
            Ok(new)
        }
        // Another call of the same page was faster.
        Err(StoreError::NotFound(_)) => Ok(secret),
        Err(error) => Err(error.into()),
    }
}

async fn user(
    context: &Context,
    principal: &Principal,
    session: &Arc<SessionIdentity>,
) -> Result<User, ApiError> {
    let row = context.db.user_by_email(&principal.user.email).await?;
    let policy = context.step_up.policy();
    let now = context.clock.now();
    let mut roles: Vec<_> = principal.rights.own.iter().map(|grant| grant.role.to_string()).collect();
    roles.sort();
    roles.dedup();
    Ok(User {
        email: row.email,
        name: row.name,
        roles,
        mfa_enrolled: row.mfa_enrolled_at.is_some(),
        mfa_required: policy.required_for_all,
        preferred_mfa_method: row.preferred_mfa,
        has_trusted_device: !context.db.trusted_devices_of(row.id, now).await?.is_empty(),
        recent_step_up_expires_at: step_up::recent_until(session, policy.window).filter(|end| now < *end),
    })
}

fn view(context: &Context, session: &SessionIdentity) -> Session {
    Session {
        id: session.id,
        channel: session.channel.as_str(),
        expires_at: session.expires_at,
        idle_expires_at: context.sessions.settings().idle.end_of(session).min(session.expires_at),
    }
}

/// Those that the caller may see, the default one first.
fn racks(context: &Context, principal: &Principal) -> Vec<Rack> {
    let now = context.clock.now();
    let visible = |name: &str| principal.rights.allow(Permission::RackRead, &Target::rack(name), now);
    let racks = context.racks.get();
    let racks = racks.iter().filter(|rack| visible(&rack.name));
    racks
        .map(|rack| Rack { name: rack.name.clone(), alias: rack.alias.clone(), host: rack.host.clone() })
        .collect()
}
