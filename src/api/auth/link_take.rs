//! `POST /api/v1/auth/links/{secret}`: uses a one-time link. The person is made where they are not here yet, logged in, and sent to enrol a second
//! factor, without which they can do nothing.

use super::link_show::{check_budget, refused};
use crate::{
    api::{
        Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note, Payload,
        web_session::{self, Onward, WebLogin},
    },
    identity::links::{Newcomer, Taken},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/links/{secret}",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "link.use",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(take))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkBody)]
pub struct Body {
    name: Option<String>,
    /// Only with the first administrator's link; an invitation names its own.
    email: Option<String>,
}

const NEXT: &str = "/app/account/security?enrollment=required";

async fn take(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload<Body>,
) -> Result<Response, ApiError> {
    check_budget(&context, edge).await?;
    let who = Newcomer { name: body.name, email: body.email };
    let Taken { user, is_new } = match Box::pin(context.login.links.take(&secret, &who)).await {
        Ok(taken) => taken,
        Err(error) => return Err(refused(&context, edge, &note, error).await),
    };
    note.user(&user.email);
    note.resource(&*user.email);
    if is_new {
        note.changes(&json!(null), &json!(["added the user"]));
    }
    let login = WebLogin { user: &user, method: "link".to_owned(), step_up: None };
    let begun = web_session::begin(&context, edge, &headers, login).await?;
    let mut response = Json(Onward { redirect: NEXT }).into_response();
    begun.set(&context, response.headers_mut());
    Ok(response)
}
