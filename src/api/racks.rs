//! `GET /api/v1/racks`: the racks on which the caller may do anything at all.

use super::{Access, ApiRoute, Caller, Context, Endpoint};
use crate::policy::{MfaLevel, Permission, Target};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/racks",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "rack.list",
};

#[derive(Serialize, ToSchema)]
pub struct RackView {
    name: String,
    default: bool,
    /// Below this path stands the rack's own API.
    path: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
) -> Json<Vec<RackView>> {
    let now = context.clock.now();
    let visible = |name: &str| principal.rights.allow(Permission::RackRead, &Target::rack(name), now);
    let racks = context.racks.get();
    let racks = racks.iter().enumerate().filter(|(_, rack)| visible(&rack.name));
    Json(
        racks
            .map(|(index, rack)| RackView {
                name: rack.name.clone(),
                default: index == 0,
                path: format!("/api/v1/racks/{}/proxy", rack.name),
            })
            .collect(),
    )
}
