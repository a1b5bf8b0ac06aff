//! `PUT /api/v1/auth/mfa/methods/{id}`: another label for one of the caller's factors.

use super::{Done, id};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    routing::put,
};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/auth/mfa/methods/{id}",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "mfa_method.update",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = MethodName)]
pub struct Wanted {
    label: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(update))
}

async fn update(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Path(text): Path<String>,
    Payload(wanted): Payload<Wanted>,
) -> Result<Json<Done>, ApiError> {
    let method = id(&text, "factor")?;
    note.resource(text);
    context.mfa.rename(who.user.id, method, &wanted.label).await?;
    Ok(Json(Done { status: "updated" }))
}
