//! `GET /api/v1/grants`: in the order in which they were given, a page at a time.

use super::{
    super::{
        Access, ApiError, ApiRoute, Context, Endpoint,
        admin::{Query, page, rows},
    },
    GrantView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{
    Json,
    extract::{RawQuery, State},
    routing::get,
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/grants",
    access: Access::Needs(Permission::GrantRead),
    mfa: MfaLevel::None,
    action: "grant.list",
};

#[derive(Serialize, ToSchema)]
pub struct GrantPage {
    grants: Vec<GrantView>,
    /// Give this as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(State(context): State<Context>, RawQuery(raw): RawQuery) -> Result<Json<GrantPage>, ApiError> {
    let query = Query::read(raw.as_deref(), &["user", "token", "role", "target", "limit", "cursor"])?;
    let mut rows = rows(&context).await?;
    rows.grants.sort_by_key(|grant| grant.id);
    let user =
        query.get("user").map(|email| rows.users.iter().find(|user| user.email == email).map(|user| user.id));
    let token = query
        .get("token")
        .map(|name| rows.tokens.iter().find(|token| token.name == name).map(|token| token.id));
    let fits = |grant: &&crate::store::GrantRow| {
        user.is_none_or(|user| user.is_some() && grant.user_id == user)
            && token.is_none_or(|token| token.is_some() && grant.token_id == token)
            && query.get("role").is_none_or(|role| grant.role == role)
            && query.get("target").is_none_or(|target| grant.target == target)
    };
    let (grants, next_cursor) = page(rows.grants.iter().filter(fits), |grant| grant.id.to_string(), &query)?;
    let grants = grants.into_iter().map(|grant| GrantView::of(grant, &rows)).collect();
    Ok(Json(GrantPage { grants, next_cursor }))
}
