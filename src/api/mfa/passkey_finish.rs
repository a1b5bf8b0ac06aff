//! `POST /api/v1/auth/passkey/finish`: logs the owner of the passkey in. A passkey is two factors in itself, so the
//! new session is fresh.

use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note, Payload},
    core::Secret,
    identity::{
        Channel,
        mfa::MfaError,
        session::{Device, NewSession},
    },
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{AppendHeaders, IntoResponse as _, Response},
    routing::post,
};
use http::{
    HeaderMap, Method, StatusCode,
    header::{SET_COOKIE, USER_AGENT},
};
use serde::Deserialize;
use serde_json::json;
use webauthn_rs::prelude::PublicKeyCredential;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/passkey/finish",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.passkey",
};

#[derive(Deserialize)]
struct Given {
    handle: Secret,
    credential: PublicKeyCredential,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(finish))
}

async fn finish(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    Payload(given): Payload<Given>,
) -> Result<Response, ApiError> {
    let now = context.clock.now();
    let login =
        context.mfa.finish_passkey_login(&given.handle, &given.credential, now).await.map_err(refusal)?;
    note.user(&login.user.email);
    note.resource(login.user.email.as_str());
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let new = NewSession {
        user: login.user.id,
        channel: Channel::Web,
        method: "passkey".to_owned(),
        step_up: Some(now),
        device: Device::default(),
        ip: edge.ip,
        user_agent: agent.to_owned(),
    };
    let (secret, _) = context.sessions.open(new).await?;
    let cookie = AppendHeaders([(SET_COOKIE, context.entrance.cookie.set(&secret))]);
    Ok((cookie, Json(json!({ "redirect": "/app/" }))).into_response())
}

/// One sentence for all that a stranger could learn from.
fn refusal(error: MfaError) -> ApiError {
    match error {
        MfaError::Wrong | MfaError::Unreadable | MfaError::Over => ApiError::new(
            StatusCode::FORBIDDEN,
            "passkey_refused",
            "this passkey does not open an account here; try again",
        ),
        other => other.into(),
    }
}
