//! `POST /api/v1/roles`: a custom role.

use super::super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload, admin::changed};
use crate::{
    identity::{
        RoleView,
        change::{
            Actor,
            roles::{self, NewRole},
        },
    },
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{Method, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/roles",
    access: Access::Needs(Permission::RoleUpdate),
    mfa: MfaLevel::None,
    action: "role.create",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoleBody {
    name: String,
    #[serde(default)]
    description: String,
    /// Permissions, or patterns as in `convox:app:*`.
    permissions: Vec<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(create))
}

async fn create(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(NewRoleBody { name, description, permissions }): Payload<NewRoleBody>,
) -> Result<(StatusCode, Json<RoleView>), ApiError> {
    note.resource(&name);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::RoleUpdate) };
    let new = NewRole { name, description, permissions };
    let now = context.clock.now();
    let role = changed(&context, &note, roles::create(&context.db, &actor, now, &new)).await?;
    Ok((StatusCode::CREATED, Json(RoleView::custom(&role))))
}
