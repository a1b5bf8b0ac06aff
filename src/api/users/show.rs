//! `GET /api/v1/users/{email}`.

use super::{
    super::{
        Access, ApiError, ApiRoute, Context, Endpoint, Note,
        admin::{Params, rows},
    },
    UserView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/users/{email}",
    access: Access::Needs(Permission::UserRead),
    mfa: MfaLevel::None,
    action: "user.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<UserView>, ApiError> {
    let email = params.email()?;
    note.resource(&email);
    view(&context, &email).await.map(Json)
}

/// The user as they are now.
pub async fn view(context: &Context, email: &str) -> Result<UserView, ApiError> {
    let rows = rows(context).await?;
    let user = rows.users.iter().find(|user| user.email == email);
    let user = user.ok_or_else(|| ApiError::not_found(format!("user {email}")))?;
    Ok(UserView::of(user, &rows, context.clock.now()))
}
