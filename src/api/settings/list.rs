//! `GET /api/v1/settings`: every setting, its value, and where that comes from.

use super::{
    super::{Access, ApiError, ApiRoute, Context, Endpoint},
    SettingView,
};
use crate::{
    identity::settings::KEYS,
    policy::{MfaLevel, Permission},
};
use axum::{Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/settings",
    access: Access::Needs(Permission::SettingRead),
    mfa: MfaLevel::None,
    action: "setting.list",
};

#[derive(Serialize, ToSchema)]
pub struct SettingPage {
    settings: Vec<SettingView>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(State(context): State<Context>) -> Result<Json<SettingPage>, ApiError> {
    let rows = context.db.settings().await?;
    let defaults = context.entrance.access.defaults();
    let settings = KEYS.iter().map(|key| SettingView::of(key, defaults, &rows)).collect();
    Ok(Json(SettingPage { settings }))
}
