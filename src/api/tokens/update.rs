//! `PUT /api/v1/api-tokens/{id}`: another name, end, or other grants.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{Params, changed, rows},
        grants::GrantBody,
    },
    TokenView,
    view::{actor, visible},
};
use crate::{
    core::{Timestamp, id::TokenId},
    identity::change::tokens::{self, TokenEdit},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::put};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/api-tokens/{id}",
    access: Access::Person,
    mfa: MfaLevel::Always,
    action: "token.update",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    name: Option<String>,
    expires_at: Option<Timestamp>,
    /// All that it holds from now on.
    grants: Option<Vec<GrantBody>>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(update))
}

async fn update(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(body): Payload<TokenBody>,
) -> Result<Json<TokenView>, ApiError> {
    let id: TokenId = params.id("token")?;
    let (_, _, needs) = visible(&context, &note, &principal, id, Permission::TokenUpdate).await?;
    let TokenBody { name, expires_at, grants } = body;
    let read = |grants: Vec<GrantBody>| grants.iter().map(GrantBody::read).collect::<Result<_, _>>();
    let edit = TokenEdit { name, expires_at, grants: grants.map(read).transpose()? };
    let (now, defaults) = (context.clock.now(), context.entrance.access.defaults());
    let actor = actor(&principal, needs);
    let change = tokens::update(&context.db, &actor, now, defaults, id, &edit);
    let token = changed(&context, &note, change).await?;
    Ok(Json(TokenView::of(&token, &rows(&context).await?, now)))
}
