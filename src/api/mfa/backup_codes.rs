//! `POST /api/v1/auth/mfa/backup-codes/regenerate`: ten new backup codes in the place of the old ones.

use super::shown;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/backup-codes/regenerate",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "mfa_backup_codes.generate",
};

/// Shown this once; the earlier ones are void.
#[derive(Serialize, ToSchema)]
pub struct NewCodes {
    backup_codes: Vec<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(regenerate))
}

async fn regenerate(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
) -> Result<Json<NewCodes>, ApiError> {
    let codes = context.mfa.regenerate_codes(who.user.id, context.clock.now()).await?;
    Ok(Json(NewCodes { backup_codes: shown(&codes) }))
}
