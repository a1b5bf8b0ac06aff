//! `GET /api/v1/me`: who the caller is, and what they hold.

use super::{Access, ApiRoute, Caller, Endpoint};
use crate::{
    core::{Timestamp, id::SessionId},
    policy::{CompiledGrant, MfaLevel},
};
use axum::{Extension, Json, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/me",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "user.whoami",
};

#[derive(Serialize, ToSchema)]
pub struct Me {
    email: String,
    name: String,
    /// The API token that the call came with; null for a person's session.
    token: Option<String>,
    /// The session that the call came with; null for an API token.
    session: Option<Session>,
    /// The token's own grants; it may do what these and the owner's allow.
    grants: Vec<Held>,
    owner_grants: Vec<Held>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnSession)]
pub struct Session {
    id: SessionId,
    channel: &'static str,
    expires_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct Held {
    role: String,
    target: String,
    expires_at: Option<Timestamp>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(Extension(Caller(principal)): Extension<Caller>) -> Json<Me> {
    let held = |grants: &[CompiledGrant]| grants.iter().map(Held::of).collect();
    Json(Me {
        email: principal.user.email.to_string(),
        name: principal.user.name.clone(),
        token: principal.token().map(|token| token.name.to_string()),
        session: principal.session().map(|session| Session {
            id: session.id,
            channel: session.channel.as_str(),
            expires_at: session.expires_at,
        }),
        grants: held(&principal.rights.own),
        owner_grants: held(principal.rights.owner.as_deref().unwrap_or_default()),
    })
}

impl Held {
    fn of(grant: &CompiledGrant) -> Self {
        Self { role: grant.role.to_string(), target: grant.target.to_string(), expires_at: grant.expires_at }
    }
}
