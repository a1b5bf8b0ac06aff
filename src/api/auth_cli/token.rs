//! `POST /api/v1/auth/cli/token`: the code that the redirect brought, and its verifier, for the session.

use super::{
    answer::{self, LoggedIn},
    asked::Asked,
    logins,
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::session::Device,
    policy::MfaLevel,
};
use axum::{Extension, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Method};

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/token",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.complete",
};

pub async fn redeem(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Unstored<LoggedIn>, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    let code = asked.required("code")?;
    let verifier = asked.verifier()?.ok_or_else(|| ApiError::field("code_verifier", "is missing"))?;
    let granted = logins(&context).redeem(code, &verifier, context.clock.now()).await?;
    let session = Box::pin(answer::open(&context, edge, &note, &headers, granted, Device::default())).await?;
    Ok(Unstored(session))
}
