//! `POST /api/v1/users`: adds somebody, with the roles they begin with.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload, admin::changed,
        grants::GrantBody,
    },
    UserView, show,
};
use crate::{
    identity::change::{
        Actor,
        grants::NewGrant,
        users::{self, NewUser},
    },
    policy::{CallLimits, MfaLevel, Permission, TargetPattern},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{Method, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/users",
    access: Access::Needs(Permission::UserCreate),
    mfa: MfaLevel::None,
    action: "user.create",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    email: String,
    #[serde(default)]
    name: String,
    /// Roles on everything, without an end.
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    grants: Vec<GrantBody>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(create))
}

async fn create(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(body): Payload<NewUserBody>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    let everywhere = |role| NewGrant {
        role,
        target: TargetPattern::everything(),
        expires_at: None,
        limits: CallLimits::default(),
    };
    let mut grants: Vec<_> = body.roles.into_iter().map(everywhere).collect();
    for grant in &body.grants {
        grants.push(grant.read()?);
    }
    let new = NewUser { email: users::email(&body.email)?, name: body.name, grants };
    note.resource(&new.email);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserCreate) };
    let now = context.clock.now();
    let user = changed(&context, &note, users::create(&context.db, &actor, now, &new)).await?;
    Ok((StatusCode::CREATED, Json(show::view(&context, &user.email).await?)))
}
