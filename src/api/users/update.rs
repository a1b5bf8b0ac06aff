//! `PUT /api/v1/users/{email}`: another name or e-mail address. Roles are changed by grants.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{Params, changed},
    },
    UserView, show,
};
use crate::{
    identity::change::{
        Actor,
        users::{self, UserEdit},
    },
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::put};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/users/{email}",
    access: Access::Needs(Permission::UserUpdate),
    mfa: MfaLevel::None,
    action: "user.update",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    /// Ends their sessions when it is another.
    email: Option<String>,
    name: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(update))
}

async fn update(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(UserBody { email, name }): Payload<UserBody>,
) -> Result<Json<UserView>, ApiError> {
    let who = params.email()?;
    note.resource(&who);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserUpdate) };
    let (now, edit) = (context.clock.now(), UserEdit { email, name });
    let user = changed(&context, &note, users::update(&context.db, &actor, now, &who, &edit)).await?;
    show::view(&context, &user.email).await.map(Json)
}
