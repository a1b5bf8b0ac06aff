//! `GET /api/v1/api-tokens`: one's own, or everybody's for those who may read them; a page at a time.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint,
        admin::{Query, page, rows},
        may,
    },
    TokenView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    routing::get,
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/api-tokens",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "token.list",
};

#[derive(Serialize, ToSchema)]
pub struct TokenPage {
    tokens: Vec<TokenView>,
    /// Give this as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

const STATES: [&str; 4] = ["active", "expired", "revoked", "owner_locked"];

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> Result<Json<TokenPage>, ApiError> {
    let all = may(&context, &principal, Permission::TokenRead);
    if principal.session().is_none() {
        all.as_ref().map_err(|error| ApiError::forbidden(error.to_string()))?;
    }
    let query = Query::read(raw.as_deref(), &["user", "search", "state", "limit", "cursor"])?;
    let state = query.one_of("state", &STATES)?;
    let (now, mut rows) = (context.clock.now(), rows(&context).await?);
    rows.tokens.sort_by_key(|token| token.id);
    let user =
        query.get("user").map(|email| rows.users.iter().find(|user| user.email == email).map(|user| user.id));
    let search = query.get("search").map(str::to_lowercase);
    let views = rows
        .tokens
        .iter()
        .filter(|token| all.is_ok() || token.user_id == principal.user.id)
        .filter(|token| user.is_none_or(|user| Some(token.user_id) == user))
        .filter(|token| search.as_ref().is_none_or(|text| token.name.to_lowercase().contains(text)))
        .map(|token| (token.id, TokenView::of(token, &rows, now)))
        .filter(|(_, view)| state.is_none_or(|state| view.state == state));
    let (tokens, next_cursor) = page(views, |(id, _)| id.to_string(), &query)?;
    Ok(Json(TokenPage { tokens: tokens.into_iter().map(|(_, view)| view).collect(), next_cursor }))
}
