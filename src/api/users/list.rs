//! `GET /api/v1/users`: by e-mail address, a page at a time.

use super::{
    super::{
        Access, ApiError, ApiRoute, Context, Endpoint,
        admin::{Query, page, rows},
    },
    UserView,
};
use crate::{
    policy::{MfaLevel, Permission},
    store::UserRow,
};
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
    path: "/api/v1/users",
    access: Access::Needs(Permission::UserRead),
    mfa: MfaLevel::None,
    action: "user.list",
};

#[derive(Serialize, ToSchema)]
pub struct UserPage {
    users: Vec<UserView>,
    /// Give this as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(State(context): State<Context>, RawQuery(raw): RawQuery) -> Result<Json<UserPage>, ApiError> {
    let query = Query::read(raw.as_deref(), &["search", "state", "role", "limit", "cursor"])?;
    let (now, rows) = (context.clock.now(), rows(&context).await?);
    let search = query.get("search").map(str::to_lowercase);
    let state = query.one_of("state", &["active", "locked"])?;
    let fits = |user: &&UserRow| {
        let holds =
            |role: &str| rows.grants.iter().any(|grant| grant.user_id == Some(user.id) && grant.role == role);
        search
            .as_ref()
            .is_none_or(|text| user.email.contains(text) || user.name.to_lowercase().contains(text))
            && state.is_none_or(|state| (state == "locked") == user.locked_at.is_some())
            && query.get("role").is_none_or(holds)
    };
    let (users, next_cursor) = page(rows.users.iter().filter(fits), |user| user.email.clone(), &query)?;
    let users = users.into_iter().map(|user| UserView::of(user, &rows, now)).collect();
    Ok(Json(UserPage { users, next_cursor }))
}
