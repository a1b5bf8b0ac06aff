//! `POST /api/v1/api-tokens`: a token for oneself, or for somebody else with `gateway:api_token:create`. Its text is in
//! this answer and nowhere else.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{changed, rows},
        grants::GrantBody,
        may,
    },
    TokenView,
    view::actor,
};
use crate::{
    core::Timestamp,
    identity::{
        change::tokens::{self, Made, NewToken},
        email,
    },
    notify::mail::Notice,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/api-tokens",
    access: Access::Person,
    mfa: MfaLevel::Always,
    action: "token.create",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenBody {
    /// One that no other token has.
    name: String,
    /// E-mail address of its owner; oneself unless given.
    user: Option<String>,
    /// 90 days from now unless given.
    expires_at: Option<Timestamp>,
    /// What it holds; never more than its owner holds.
    grants: Vec<GrantBody>,
}

#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    /// Shown this once.
    token: String,
    api_token: TokenView,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(create))
}

async fn create(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(body): Payload<NewTokenBody>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    note.resource(&body.name);
    let owner = match &body.user {
        Some(user) => email::canonical(user).map_err(|error| ApiError::field("user", error.to_string()))?,
        None => principal.user.email.to_string(),
    };
    let needs = (owner != *principal.user.email).then_some(Permission::TokenCreate);
    if let Some(permission) = needs {
        may(&context, &principal, permission)?;
    }
    let grants = body.grants.iter().map(GrantBody::read).collect::<Result<_, _>>()?;
    let new = NewToken { owner, name: body.name, expires_at: body.expires_at, grants };
    let (now, defaults) = (context.clock.now(), context.entrance.access.defaults());
    let actor = actor(&principal, needs);
    let made = changed(&context, &note, tokens::create(&context.db, &actor, now, defaults, &new)).await?;
    let Made { secret, token, .. } = made;
    let by = &principal.user.email;
    let notice = Notice::TokenCreated { name: &token.name, by, expires_at: token.expires_at };
    context.mailer.queue(&notice, &new.owner).await;
    let api_token = TokenView::of(&token, &rows(&context).await?, now);
    Ok((StatusCode::CREATED, Json(CreatedToken { token: secret.expose().to_owned(), api_token })))
}
