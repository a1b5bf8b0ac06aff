//! `GET /api/v1/openapi.json`: what the gateway's own API is, made of the routes themselves. What a route cannot say of
//! itself (a sentence, its body, its answer) stands in `table`; a test holds the two together.

mod bodies;
mod document;
mod markdown;
mod table;
mod types;

pub use document::document;
pub use markdown::markdown;
pub use table::documented;

use super::{Access, ApiRoute, Endpoint};
use crate::policy::MfaLevel;
use axum::{
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderValue, Method,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use std::sync::LazyLock;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/openapi.json",
    access: Access::Open,
    mfa: MfaLevel::None,
    action: "openapi.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, TEXT.as_str()).into_response()
}
