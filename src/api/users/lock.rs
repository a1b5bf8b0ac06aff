//! `POST /api/v1/users/{email}/lock`: their sessions end, their tokens stop working.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{Params, changed},
    },
    UserView, show,
};
use crate::{
    identity::change::{Actor, users},
    notify::mail::Notice,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/users/{email}/lock",
    access: Access::Needs(Permission::UserUpdate),
    mfa: MfaLevel::None,
    action: "user.lock",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockBody {
    /// Why, for those who read it later.
    #[serde(default)]
    reason: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(lock))
}

async fn lock(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(LockBody { reason }): Payload<LockBody>,
) -> Result<Json<UserView>, ApiError> {
    let who = params.email()?;
    note.resource(&who);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserUpdate) };
    let now = context.clock.now();
    changed(&context, &note, users::lock(&context.db, &actor, now, &who, &reason)).await?;
    context.mailer.queue(&Notice::Locked { reason: &reason }, &who).await;
    show::view(&context, &who).await.map(Json)
}
