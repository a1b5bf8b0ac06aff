//! `PUT /api/v1/roles/{name}`: what a custom role holds, for everybody who holds it.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
    admin::{Params, changed},
};
use crate::{
    identity::{
        RoleView,
        change::{
            Actor,
            roles::{self, RoleEdit},
        },
    },
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::put};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/roles/{name}",
    access: Access::Needs(Permission::RoleUpdate),
    mfa: MfaLevel::None,
    action: "role.update",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    description: Option<String>,
    /// All that it holds from now on.
    permissions: Option<Vec<String>>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(update))
}

async fn update(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(RoleBody { description, permissions }): Payload<RoleBody>,
) -> Result<Json<RoleView>, ApiError> {
    let name = params.text("name");
    note.resource(name);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::RoleUpdate) };
    let (now, edit) = (context.clock.now(), RoleEdit { description, permissions });
    let role = changed(&context, &note, roles::update(&context.db, &actor, now, name, &edit)).await?;
    Ok(Json(RoleView::custom(&role)))
}
