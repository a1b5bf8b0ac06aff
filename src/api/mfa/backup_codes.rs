//! `POST /api/v1/auth/mfa/backup-codes/regenerate`: ten new backup codes in the place of the old ones.

use super::shown;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::Method;
use serde_json::json;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/backup-codes/regenerate",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "mfa_backup_codes.generate",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(regenerate))
}

async fn regenerate(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
) -> Result<Response, ApiError> {
    let codes = context.mfa.regenerate_codes(who.user.id, context.clock.now()).await?;
    Ok(Json(json!({ "backup_codes": shown(&codes) })).into_response())
}
