//! `PUT /registry-svc/instance/{id}/heartbeat`: the instance lives, and may say how it is. 404 means that it is not
//! registered any more and should register again.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload, admin::Params},
    actor::{of_instance, refused},
    view::InstanceView,
    wish::{plain, read_status},
};
use crate::{
    core::Timestamp,
    observe::metrics::catalogue::REGISTRY_HEARTBEATS,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::put};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/registry-svc/instance/{id}/heartbeat",
    access: Access::Pulse(&[Permission::InstanceRegister, Permission::InstanceRemove]),
    mfa: MfaLevel::None,
    action: "instance.heartbeat",
};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatBody {
    /// How the instance says it is; what it said before stays when absent.
    status: Option<String>,
    details: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HeartbeatView {
    id: String,
    status: String,
    /// When the next heartbeat must have come; null when none are needed.
    deadline: Option<Timestamp>,
    revision: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(heartbeat))
}

async fn heartbeat(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(body): Payload<HeartbeatBody>,
) -> Result<Json<HeartbeatView>, ApiError> {
    note.resource(params.text("id"));
    let beaten = Box::pin(beat(&context, &principal, params.text("id"), body)).await;
    let outcome = match &beaten {
        Ok((_, true)) => "changed",
        Ok((_, false)) => "renewed",
        Err(error) if error.status() == StatusCode::NOT_FOUND => "unknown",
        Err(_) => "refused",
    };
    metrics::counter!(REGISTRY_HEARTBEATS, "outcome" => outcome).increment(1);
    let (beaten, has_changed) = beaten?;
    if has_changed {
        let shown = |one| serde_json::to_value(InstanceView::of(one)).unwrap_or_default();
        note.changes(&shown(&beaten.before), &shown(&beaten.instance));
    } else {
        note.routine();
    }
    let crate::directory::Beaten { instance, deadline, .. } = beaten;
    let (id, status) = (instance.id.to_string(), instance.status.to_string());
    Ok(Json(HeartbeatView { id, status, deadline, revision: instance.revision }))
}

/// And whether anything changed by it.
async fn beat(
    context: &Context,
    principal: &crate::identity::Principal,
    id: &str,
    body: HeartbeatBody,
) -> Result<(crate::directory::Beaten, bool), ApiError> {
    let (instance, actor) = of_instance(context, principal, id).await?;
    let said = body.status.as_deref().map(|status| read_status("status", status)).transpose()?;
    let details = body.details.map(|details| plain("details", details, 1_000)).transpose()?;
    let beaten = context.registrar.heartbeat(&actor, &instance.id, said, details.as_deref()).await;
    let beaten = beaten.map_err(refused)?;
    let has_changed = beaten.before.revision != beaten.instance.revision;
    Ok((beaten, has_changed))
}
