//! `GET /api/v1/api-tokens/{id}`.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, admin::Params},
    TokenView,
    view::visible,
};
use crate::policy::{MfaLevel, Permission};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/api-tokens/{id}",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "token.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<TokenView>, ApiError> {
    let id = params.id("token")?;
    let (token, rows, _) = visible(&context, &note, &principal, id, Permission::TokenRead).await?;
    Ok(Json(TokenView::of(&token, &rows, context.clock.now())))
}
