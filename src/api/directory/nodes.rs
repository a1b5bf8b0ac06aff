//! `GET` and `POST /registry-svc/nodes`: the machines that are known.

use super::{
    super::{Access, ApiError, ApiRoute, Context, Endpoint, Payload},
    node_view::NodeView,
};
use crate::{
    policy::{MfaLevel, Permission},
    store::NodeRow,
};
use axum::{
    Json,
    extract::State,
    routing::{get, post},
};
use http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

static GET: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/nodes",
    access: Access::Needs(Permission::NodeView),
    mfa: MfaLevel::None,
    action: "node.list",
};

static POST: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/registry-svc/nodes",
    access: Access::Needs(Permission::NodeView),
    mfa: MfaLevel::None,
    action: "node.list",
};

/// All nodes without it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodesBody {
    /// Only these.
    ids: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub struct NodePage {
    nodes: Vec<NodeView>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&GET, get(all))
}

pub fn by_post() -> Endpoint {
    Endpoint::new(&POST, post(some))
}

async fn all(State(context): State<Context>) -> Result<Json<NodePage>, ApiError> {
    page(&context, |_| true).await
}

async fn some(
    State(context): State<Context>,
    Payload(body): Payload<NodesBody>,
) -> Result<Json<NodePage>, ApiError> {
    page(&context, |row| body.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))).await
}

/// In the order of their URLs.
async fn page(context: &Context, wanted: impl Fn(&NodeRow) -> bool) -> Result<Json<NodePage>, ApiError> {
    let rows = context.nodes.all().await?;
    let now = context.clock.now();
    let nodes = rows.into_iter().filter(wanted).map(|row| NodeView::of(row, now)).collect();
    Ok(Json(NodePage { nodes }))
}
