//! Errors in the words of RFC 6749, 5.2 and RFC 8628, 3.5: `error` is the word, `error_description` the sentence.

use crate::{
    api::{ApiError, Edge, Note},
    identity::cli_login::CliLoginError,
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

/// What a client that polls by the standard is answered; nothing more than 400 and a word it knows.
pub fn refused(error: CliLoginError, edge: Edge, note: &Note) -> Response {
    if let CliLoginError::Store(error) = error {
        return ApiError::from(error).into_response();
    }
    note.reason(error.to_string());
    let mut document = json!({
        "error": error.code(),
        "error_description": error.to_string(),
        "code": error.code(),
        "request_id": edge.request_id,
    });
    if let (CliLoginError::SlowDown { interval }, Some(document)) = (&error, document.as_object_mut()) {
        document.insert("interval".to_owned(), (*interval).into());
    }
    (StatusCode::BAD_REQUEST, Json(document)).into_response()
}

pub fn pending(edge: Edge) -> Response {
    word("authorization_pending", "nobody has confirmed the login yet", edge)
}

pub fn unsupported(edge: Edge) -> Response {
    word("unsupported_grant_type", "grant_type must be urn:ietf:params:oauth:grant-type:device_code", edge)
}

fn word(error: &str, sentence: &str, edge: Edge) -> Response {
    let document = json!({ "error": error, "error_description": sentence, "code": error, "request_id": edge.request_id });
    (StatusCode::BAD_REQUEST, Json(document)).into_response()
}
