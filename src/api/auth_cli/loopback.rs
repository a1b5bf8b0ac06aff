//! `POST /api/v1/auth/cli/loopback`: begins a login whose end the browser brings to a port of the client's machine.

use super::{
    asked::Asked,
    begin::{EXPIRES_IN, begin, confirm_page},
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::cli_login::{Flow, LoopbackUri},
    policy::MfaLevel,
};
use axum::{Extension, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/loopback",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.start",
};

const LONGEST_STATE: usize = 256;

#[derive(Serialize, ToSchema)]
#[schema(as = LoopbackLogin)]
pub struct Begun {
    /// Where the person decides. From there the browser goes to `redirect_uri?code=…&state=…`, or `?error=…`.
    auth_url: String,
    user_code: String,
    expires_in: u64,
}

pub async fn begin_loopback(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Unstored<Begun>, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    let uri = LoopbackUri::parse(asked.required("redirect_uri")?).ok_or_else(|| {
        let problem = "must be http://127.0.0.1:PORT/path or http://[::1]:PORT/path";
        ApiError::field("redirect_uri", problem)
    })?;
    let state = asked.required("state")?;
    if state.len() > LONGEST_STATE || !state.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ApiError::field(
            "state",
            format!("must be at most {LONGEST_STATE} printable ASCII characters"),
        ));
    }
    let challenge = asked.challenge()?.ok_or_else(|| ApiError::field("code_challenge", "is missing"))?;
    let how = (Flow::Loopback, Some(challenge), Some((uri, state.to_owned())));
    let begun = Box::pin(begin(&context, edge, &note, &headers, &asked, how)).await?;
    Ok(Unstored(Begun {
        auth_url: confirm_page(&context, &begun),
        user_code: begun.user_code.to_string(),
        expires_in: EXPIRES_IN,
    }))
}
