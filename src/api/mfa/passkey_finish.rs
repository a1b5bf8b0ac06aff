//! `POST /api/v1/auth/passkey/finish`: logs the owner of the passkey in. A passkey is two factors in itself, so the
//! new session is fresh.

use crate::{
    api::{
        Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note, Payload,
        web_session::{self, Onward, WebLogin},
    },
    core::Secret,
    identity::mfa::MfaError,
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use webauthn_rs::prelude::PublicKeyCredential;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/passkey/finish",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.passkey",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = PasskeyAnswer)]
pub struct Given {
    #[schema(value_type = String)]
    handle: Secret,
    #[schema(value_type = Object)]
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
    let login = WebLogin { user: &login.user, method: "passkey".to_owned(), step_up: Some(now) };
    let begun = web_session::begin(&context, edge, &headers, login).await?;
    let mut response = Json(Onward { redirect: "/app/" }).into_response();
    begun.set(&context, response.headers_mut());
    Ok(response)
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
