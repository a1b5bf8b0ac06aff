//! Answers with secrets in them.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header::CACHE_CONTROL};
use serde::Serialize;

/// JSON that nothing on the way may keep (RFC 6749, 5.1).
pub struct Unstored<T>(pub T);

impl<T: Serialize> IntoResponse for Unstored<T> {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(self.0)).into_response()
    }
}
