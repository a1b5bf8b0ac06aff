//! `POST /api/v1/auth/cli/requests/{request}/approve`: the person says yes, with a fresh proof of their second factor.
//! The session that follows is theirs.

use super::{logins, request::find};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Note},
    identity::{cli_login::Approver, step_up},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/requests/{request}/approve",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "login.approve",
};

#[derive(Serialize, ToSchema)]
#[schema(as = CliDecision)]
pub struct Decision {
    /// Where the browser goes next: the client's loopback address, or nowhere.
    pub redirect: Option<String>,
}

pub async fn approve(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    Extension(Caller(principal)): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Decision>, ApiError> {
    let request = find(&context, &note, &principal, &name).await?;
    let session =
        principal.session().ok_or_else(|| ApiError::forbidden("logins are confirmed in a browser"))?;
    let now = context.clock.now();
    // What is missing came along with the call, for the guard has let it pass.
    let missing = step_up::required(ROUTE.mfa, &principal, context.step_up.policy(), now);
    let by = Approver { user: principal.user.id, session: session.id, proved_at: missing.map(|_| now) };
    let decided = logins(&context).approve(request.id, by, now).await?;
    Ok(Json(Decision { redirect: decided.redirect }))
}
