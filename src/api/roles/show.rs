//! `GET /api/v1/roles/{name}`.

use super::super::{
    Access, ApiError, ApiRoute, Context, Endpoint, Note,
    admin::{Params, rows},
};
use crate::{
    identity::RoleView,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/roles/{name}",
    access: Access::Needs(Permission::RoleRead),
    mfa: MfaLevel::None,
    action: "role.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<RoleView>, ApiError> {
    let name = params.text("name");
    note.resource(name);
    let found = RoleView::find(&rows(&context).await?, name).map(Json);
    found.ok_or_else(|| ApiError::not_found(format!("role {}", name.chars().take(60).collect::<String>())))
}
