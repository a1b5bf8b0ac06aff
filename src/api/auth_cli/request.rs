//! `GET /api/v1/auth/cli/requests/{request}`: a login that waits for a decision, by its id or by the code that the
//! person read off the terminal.

use super::logins;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Note},
    core::{Timestamp, id::CliLoginId},
    identity::{Channel, Principal, cli_login::Request},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/auth/cli/requests/{request}",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "login.review",
};

#[derive(Serialize, ToSchema)]
#[schema(as = CliLogin)]
pub struct View {
    id: CliLoginId,
    /// `poll`, `device` or `loopback`.
    flow: String,
    user_code: String,
    device_name: String,
    /// Where it was begun.
    ip: String,
    /// Whether that is where the person is now. If not, somebody else may have sent them here.
    same_address: bool,
    user_agent: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

pub async fn show(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    Extension(Caller(principal)): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<View>, ApiError> {
    let request = find(&context, &note, &principal, &name).await?;
    Ok(Json(View {
        id: request.id,
        flow: request.flow,
        user_code: request.user_code,
        device_name: request.device_name,
        same_address: request.ip == edge.ip.to_string(),
        ip: request.ip,
        user_agent: request.user_agent,
        created_at: request.created_at,
        expires_at: request.expires_at,
    }))
}

/// The login that the person means. A session of a command line decides nothing: whoever stole one could make more.
pub async fn find(
    context: &Context,
    note: &Note,
    principal: &Principal,
    name: &str,
) -> Result<Request, ApiError> {
    if !principal.session().is_some_and(|session| session.channel == Channel::Web) {
        return Err(ApiError::forbidden("logins are confirmed in a browser"));
    }
    let request = logins(context).find(name, principal.user.id, context.clock.now()).await?;
    note.resource(request.id.to_string());
    Ok(request)
}
