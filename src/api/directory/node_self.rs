//! `GET /registry-svc/node/self`: the replica that answers, measured now.

use super::{
    super::{Access, ApiError, ApiRoute, Context, Endpoint},
    node_view::NodeView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/node/self",
    access: Access::Needs(Permission::NodeView),
    mfa: MfaLevel::None,
    action: "node.show",
};

#[derive(Serialize, ToSchema)]
pub struct NodeDocument {
    pub(super) node: NodeView,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(own))
}

async fn own(State(context): State<Context>) -> Result<Json<NodeDocument>, ApiError> {
    let row = context.nodes.own().await?;
    Ok(Json(NodeDocument { node: NodeView::of(row, context.clock.now()) }))
}
