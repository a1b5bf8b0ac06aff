//! `POST /api/v1/auth/web/logout`: ends the session of a browser and makes it forget the cookie. There is no GET: a
//! picture on a foreign page must not log anybody out.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, cookie, web_session::Onward},
    identity::Principal,
    policy::MfaLevel,
    store::StoreError,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::Method;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/web/logout",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "session.logout",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(logout))
}

async fn logout(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
) -> Result<Response, ApiError> {
    leave(&context, &principal, &note).await?;
    let mut response = Json(Onward { redirect: "/app/login" }).into_response();
    cookie::clear_session(&context, response.headers_mut());
    Ok(response)
}

/// Ends the session that asks. One that somebody else ended a moment before is ended as well.
pub(super) async fn leave(context: &Context, principal: &Principal, note: &Note) -> Result<(), ApiError> {
    let Some(session) = principal.session() else { return Err(ApiError::internal()) };
    note.resource(session.id.to_string());
    match context.sessions.revoke(principal.user.id, session.id, "logged out").await {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
