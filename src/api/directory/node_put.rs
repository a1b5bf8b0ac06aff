//! `PUT /registry-svc/node`: a machine registers itself, or says that it lives, with its figures.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload},
    node_self::NodeDocument,
    node_view::NodeView,
};
use crate::{
    directory::{
        Address,
        node::{Figures, NodeError},
    },
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::put};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/registry-svc/node",
    access: Access::Pulse(&[Permission::NodeRegister]),
    mfa: MfaLevel::None,
    action: "node.register",
};

/// The port of nodes that name none.
const PORT: u16 = 11_337;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeBody {
    /// Where the machine is known by, as in `http://worker-1:11337`.
    url: String,
    /// Made at the first registration when absent.
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    figures: Figures,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(register))
}

async fn register(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(body): Payload<NodeBody>,
) -> Result<(StatusCode, Json<NodeDocument>), ApiError> {
    super::super::may(&context, &principal, Permission::NodeRegister)?;
    let url = node_url(&body.url)?;
    note.resource(&url);
    let id = body.id.as_deref().map(node_id).transpose()?;
    let owner = (principal.user.id, &*principal.user.email);
    let put = context.nodes.put(owner, &url, id, body.figures).await;
    let (row, is_new) = put.map_err(refused)?;
    let status = if is_new {
        note.changes(&Value::Null, &json!({ "id": row.id, "url": row.url }));
        StatusCode::CREATED
    } else {
        note.routine();
        StatusCode::OK
    };
    Ok((status, Json(NodeDocument { node: NodeView::of(row, context.clock.now()) })))
}

/// In one spelling, with a port.
fn node_url(text: &str) -> Result<String, ApiError> {
    let bad = |problem: String| ApiError::field("url", problem);
    let address = Address::from_url(text).map_err(|error| bad(error.message))?;
    let has_port =
        text.trim_end_matches('/').rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if has_port { address.port } else { PORT };
    let url = Address { port, ..address }.to_string();
    if url.len() > 300 { Err(bad("has more than 300 characters".to_owned())) } else { Ok(url) }
}

fn node_id(text: &str) -> Result<&str, ApiError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_id = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    let mend = "must be 1 to 64 letters, digits, dots, dashes and underscores";
    if is_id { Ok(text) } else { Err(ApiError::field("id", mend)) }
}

pub fn refused(error: NodeError) -> ApiError {
    match error {
        NodeError::NotYours(_) => ApiError::forbidden(error.to_string()),
        NodeError::Unknown(url) => ApiError::not_found(format!("node {url}")),
        NodeError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_port() {
        for (text, url) in [
            ("http://worker-1", "http://worker-1:11337"),
            ("https://Worker-1:8443/", "https://worker-1:8443"),
            ("http://[::1]", "http://[::1]:11337"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ] {
            assert_eq!(node_url(text).unwrap(), url, "{text}");
        }
        for text in ["worker-1", "ftp://a", "http://u:p@a", "http://a/?x"] {
            assert!(node_url(text).is_err(), "{text}");
        }
    }
}
