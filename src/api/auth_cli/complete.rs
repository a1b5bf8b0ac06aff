//! `POST /api/v1/auth/cli/complete`: 202 until the person has decided, then the session, once.

use super::{
    answer::{self, LoggedIn},
    asked::Asked,
    logins,
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::{
        cli_login::{Flow, Progress},
        session::Device,
    },
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/complete",
    access: Access::PublicPoll,
    mfa: MfaLevel::None,
    action: "login.complete",
};

pub enum Completed {
    Pending,
    Done(LoggedIn),
}

impl IntoResponse for Completed {
    fn into_response(self) -> Response {
        match self {
            Self::Pending => (StatusCode::ACCEPTED, Json(json!({ "status": "pending" }))).into_response(),
            Self::Done(session) => Unstored(session).into_response(),
        }
    }
}

pub async fn complete(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Completed, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    let state = asked.required("state")?;
    asked.required("code_verifier")?;
    let verifier = asked.verifier()?;
    let device = Device { id: asked.line("device_id")?, name: asked.line("device_name")? };
    let now = context.clock.now();
    match logins(&context).poll(Flow::Poll, state, verifier.as_ref(), now).await? {
        Progress::Pending => Ok(Completed::Pending),
        Progress::Granted(granted) => {
            let session = Box::pin(answer::open(&context, edge, &note, &headers, granted, device)).await?;
            Ok(Completed::Done(session))
        }
    }
}
