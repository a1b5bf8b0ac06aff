//! `POST /api/v1/users/{email}/mfa/reset`: forgets all second factors of somebody who lost theirs.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
        admin::{Params, changed},
    },
    UserView, show,
};
use crate::{
    identity::change::{Actor, users},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/users/{email}/mfa/reset",
    access: Access::Needs(Permission::UserUpdate),
    mfa: MfaLevel::None,
    action: "user.mfa_reset",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(reset))
}

async fn reset(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<UserView>, ApiError> {
    let who = params.email()?;
    note.resource(&who);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserUpdate) };
    let now = context.clock.now();
    changed(&context, &note, users::reset_mfa(&context.db, &actor, now, &who)).await?;
    show::view(&context, &who).await.map(Json)
}
