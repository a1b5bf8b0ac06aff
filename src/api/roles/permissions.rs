//! `GET /api/v1/permissions`: everything that can be allowed, and how it is proved.

use super::super::{Access, ApiRoute, Endpoint};
use crate::policy::{Effect, MfaLevel, Permission};
use axum::{Json, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/permissions",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "permission.list",
};

#[derive(Serialize, ToSchema)]
pub struct PermissionPage {
    permissions: Vec<PermissionView>,
}

#[derive(Serialize, ToSchema)]
struct PermissionView {
    name: &'static str,
    /// What it lets you do, as a phrase that follows "may".
    summary: &'static str,
    /// Whether using it changes something.
    change: bool,
    /// What a person must prove: `none`, `step_up` or `always`.
    mfa: &'static str,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list() -> Json<PermissionPage> {
    let view = |permission: &Permission| PermissionView {
        name: permission.name(),
        summary: permission.summary(),
        change: permission.effect() == Effect::Change,
        mfa: permission.mfa().as_str(),
    };
    Json(PermissionPage { permissions: Permission::ALL.iter().map(view).collect() })
}
