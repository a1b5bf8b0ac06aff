//! `POST /api/v1/invitations`: lets somebody in whom nobody knows yet. The answer holds the link, once.

use super::{offer, view::InvitationView};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload},
    identity::{
        change::Actor,
        email,
        links::{INVITATION_LIFE, Invitation},
    },
    policy::{MfaLevel, Permission},
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/invitations",
    access: Access::Needs(Permission::LinkCreate),
    mfa: MfaLevel::None,
    action: "invitation.create",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(invite))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvitation)]
pub struct Body {
    email: String,
    #[serde(default)]
    name: String,
    role: Option<String>,
    /// `*` when only the role is set
    target: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Invited {
    #[serde(flatten)]
    invitation: InvitationView,
    /// For the person; whoever has it can come in as them.
    url: String,
}

const LONGEST_NAME: usize = 200;

async fn invite(
    State(context): State<Context>,
    Extension(Caller(by)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(body): Payload<Body>,
) -> Result<Response, ApiError> {
    let email = email::canonical(&body.email).map_err(|_| {
        ApiError::field("email", "is not an e-mail address; write for example ada@example.com")
    })?;
    note.resource(&*email);
    let name = body.name.trim();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(ApiError::field("name", "is longer than 200 characters, or holds a control character"));
    }
    let given = json!({ "email": email, "role": body.role, "target": body.target });
    let grant = offer::grant(body.role, body.target.as_deref())?;
    let now = context.clock.now();
    let invitation = Invitation {
        email,
        name: name.to_owned(),
        grant,
        by: by.user.id,
        expires_at: now.saturating_add(INVITATION_LIFE),
    };
    let links = &context.login.links;
    let actor = Actor::Caller { principal: &by, needs: Some(Permission::LinkCreate) };
    let (secret, link) = links.invite(&actor, invitation).await?;
    note.changes(&json!(null), &given);
    let invited = Invited { invitation: InvitationView::of(link, now), url: links.address(&secret) };
    Ok((StatusCode::CREATED, Json(invited)).into_response())
}
