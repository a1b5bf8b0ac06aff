//! `GET /api/v1/roles/{name}`.

use super::{
    super::{
        Access, ApiError, ApiRoute, Context, Endpoint, Note,
        admin::{Params, rows},
    },
    RoleView,
};
use crate::policy::{MfaLevel, Permission};
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
    note.resource(params.text("name"));
    RoleView::find(&rows(&context).await?, params.text("name")).map(Json)
}
