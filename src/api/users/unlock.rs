//! `POST /api/v1/users/{email}/unlock`: their tokens work again; sessions that ended stay ended.

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
    path: "/api/v1/users/{email}/unlock",
    access: Access::Needs(Permission::UserUpdate),
    mfa: MfaLevel::None,
    action: "user.unlock",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(unlock))
}

async fn unlock(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<UserView>, ApiError> {
    let who = params.email()?;
    note.resource(&who);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserUpdate) };
    let now = context.clock.now();
    changed(&context, &note, users::unlock(&context.db, &actor, now, &who)).await?;
    show::view(&context, &who).await.map(Json)
}
