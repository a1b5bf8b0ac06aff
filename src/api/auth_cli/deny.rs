//! `POST /api/v1/auth/cli/requests/{request}/deny`: the person says no. The waiting client is told.

use super::{approve::Decision, logins, request::find};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Note},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
};
use http::Method;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/requests/{request}/deny",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "login.deny",
};

pub async fn deny(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    Extension(Caller(principal)): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Decision>, ApiError> {
    let request = find(&context, &note, &principal, &name).await?;
    let decided = logins(&context).deny(request.id, context.clock.now()).await?;
    Ok(Json(Decision { redirect: decided.redirect }))
}
