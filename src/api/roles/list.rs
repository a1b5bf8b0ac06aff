//! `GET /api/v1/roles`: the built-in ones and the custom ones.

use super::super::{Access, ApiError, ApiRoute, Context, Endpoint, admin::rows};
use crate::{
    identity::RoleView,
    policy::{MfaLevel, Permission},
};
use axum::{Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/roles",
    access: Access::Needs(Permission::RoleRead),
    mfa: MfaLevel::None,
    action: "role.list",
};

#[derive(Serialize, ToSchema)]
pub struct RolePage {
    roles: Vec<RoleView>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(State(context): State<Context>) -> Result<Json<RolePage>, ApiError> {
    Ok(Json(RolePage { roles: RoleView::all(&rows(&context).await?) }))
}
