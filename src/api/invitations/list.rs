//! `GET /api/v1/invitations`: all of them, newest first.

use super::view::InvitationView;
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Endpoint},
    identity::links::INVITATION,
    policy::{MfaLevel, Permission},
};
use axum::{Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/invitations",
    access: Access::Needs(Permission::LinkRead),
    mfa: MfaLevel::None,
    action: "invitation.list",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

#[derive(Serialize, ToSchema)]
pub struct Invitations {
    invitations: Vec<InvitationView>,
}

async fn list(State(context): State<Context>) -> Result<Json<Invitations>, ApiError> {
    let now = context.clock.now();
    let links = context.db.links(INVITATION).await?;
    let invitations = links.into_iter().map(|link| InvitationView::of(link, now)).collect();
    Ok(Json(Invitations { invitations }))
}
