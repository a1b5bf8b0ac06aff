//! `PUT /api/v1/auth/mfa/preferred-method`: which factor the caller is asked for first.

use super::Done;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload},
    identity::mfa::Kind,
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::put};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/auth/mfa/preferred-method",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "mfa_preferences.update",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = PreferredMethod)]
pub struct Wanted {
    preferred_method: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(prefer))
}

async fn prefer(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(wanted): Payload<Wanted>,
) -> Result<Json<Done>, ApiError> {
    let unknown = || ApiError::field("preferred_method", "must be totp, webauthn or null");
    let kind = match &wanted.preferred_method {
        None => None,
        Some(name) => Some(Kind::parse(name).ok_or_else(unknown)?),
    };
    note.resource(kind.map_or("none", Kind::as_str));
    context.mfa.prefer(who.user.id, kind).await?;
    Ok(Json(Done { status: "updated" }))
}
