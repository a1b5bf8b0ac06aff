//! `ETag` and 304 for what our own API reads out.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};
use sha2::{Digest as _, Sha256};

/// Answers of ours are pages of bounded size; a larger one would be a mistake.
const LIMIT: usize = 16 * 1024 * 1024;

pub async fn etag(request: Request, next: Next) -> Response {
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK {
        return private(response);
    }
    if is_stream(&response) {
        return private(response);
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LIMIT).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // Weak, because the same answer leaves in several encodings.
    let own = head.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let tag = own.unwrap_or_else(|| format!("W/\"{}\"", hex::encode(Sha256::digest(&bytes))));
    let unchanged = known.is_some_and(|known| lists(&known, &tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        head.headers.insert(ETAG, value);
    }
    if unchanged {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(http::header::CONTENT_LENGTH);
        return private(Response::from_parts(head, Body::empty()));
    }
    private(Response::from_parts(head, Body::from(bytes)))
}

/// What has no end cannot be read to it.
fn is_stream(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn lists(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').map(opaque).any(|one| one == opaque(tag) || one == "*")
}

/// What one caller may see is not for a shared cache.
fn private(mut response: Response) -> Response {
    let rule = if response.status().is_client_error() || response.status().is_server_error() {
        "no-store"
    } else {
        "private, no-cache"
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(rule));
    headers.append(VARY, HeaderValue::from_static("Authorization, Cookie"));
    response
}
