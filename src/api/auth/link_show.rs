//! `GET /api/v1/auth/links/{secret}`: what a one-time link is for. Looking does not use it.

use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note},
    core::Timestamp,
    identity::links::LinkError,
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    routing::get,
};
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/auth/links/{secret}",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "link.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

#[derive(Serialize, ToSchema)]
pub struct LinkView {
    /// `bootstrap`, `invitation` or `enrolment`
    kind: String,
    /// `null` where the person says theirs
    email: Option<String>,
    name: Option<String>,
    expires_at: Timestamp,
}

async fn show(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    Path(secret): Path<String>,
) -> Result<Json<LinkView>, ApiError> {
    check_budget(&context, edge).await?;
    match context.login.links.look(&secret).await {
        Ok(link) => {
            note.resource(link.id.to_string());
            let (email, name) = (Some(link.email), Some(link.name));
            let given = |text: &String| !text.is_empty();
            Ok(Json(LinkView {
                kind: link.kind,
                email: email.filter(given),
                name: name.filter(given),
                expires_at: link.expires_at,
            }))
        }
        Err(error) => Err(refused(&context, edge, &note, error).await),
    }
}

pub async fn check_budget(context: &Context, edge: Edge) -> Result<(), ApiError> {
    if context.login.budget.has_left(edge.ip).await? {
        return Ok(());
    }
    let message = "too many failures from this address; try again in a few minutes";
    Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message))
}

/// One answer for links that never were, are used, revoked or too old.
pub async fn refused(context: &Context, edge: Edge, note: &Note, error: LinkError) -> ApiError {
    match error {
        LinkError::Gone => {
            note.denied("the link is unknown, used, revoked or expired");
            if let Err(error) = context.login.budget.failed(edge.ip, None).await {
                return error.into();
            }
            ApiError::new(StatusCode::NOT_FOUND, "link_gone", LinkError::Gone.to_string())
        }
        LinkError::Email => ApiError::field("email", LinkError::Email.to_string()),
        LinkError::Name => ApiError::field("name", LinkError::Name.to_string()),
        LinkError::Taken => ApiError::conflict(LinkError::Taken.to_string()),
        LinkError::Store(error) => error.into(),
    }
}
