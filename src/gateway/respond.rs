//! The last phase: a refusal or a rack's answer becomes what the client reads.

use super::{Body, Refusal, Sender, Watch};
use crate::{
    audit::Scope,
    core::RequestId,
    identity::step_up::Challenge,
    upstream::{RackBody, Silence},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use serde_json::json;

/// The template of the route that answered, for the metrics; travels in the response's extensions.
#[derive(Clone, Copy, Debug)]
pub struct RouteLabel(pub &'static str);

/// What a caller's `Accept` asks an error to look like. The stock CLI sends `*/*` and prints text as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFormat {
    Text,
    Json,
}

impl ErrorFormat {
    pub fn wanted_by(headers: &HeaderMap) -> Self {
        let lists_json =
            |value: &HeaderValue| value.as_bytes().windows(16).any(|part| part == b"application/json");
        if headers.get_all(ACCEPT).iter().any(lists_json) { Self::Json } else { Self::Text }
    }
}

/// The one place where a refusal becomes a response.
pub fn refuse(refusal: &Refusal, format: ErrorFormat, request_id: RequestId) -> Response<Body> {
    let mut response =
        if refusal.is_bare() { Response::default() } else { explained(refusal, format, request_id) };
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match refusal.status() {
        _ if matches!(refusal, Refusal::Unproven(_)) => {}
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"rack-gateway\""));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    if let Refusal::Unproven(challenge) = refusal {
        mark(headers, *challenge);
    }
    response
}

/// Names what is to be proved. Without `WWW-Authenticate`, which would make clients ask for a password.
fn mark(headers: &mut HeaderMap, challenge: Challenge) {
    if let Some(required) = challenge.required() {
        let required = if challenge == Challenge::Enrollment { required } else { "true" };
        headers.insert("x-mfa-required", HeaderValue::from_static(required));
    }
    if let Some(level) = challenge.level() {
        headers.insert("x-mfa-level", HeaderValue::from_static(level));
    }
}

fn explained(refusal: &Refusal, format: ErrorFormat, request_id: RequestId) -> Response<Body> {
    let (content_type, text) = match format {
        ErrorFormat::Text => ("text/plain; charset=utf-8", format!("{refusal}\n")),
        ErrorFormat::Json => {
            let document =
                json!({ "error": refusal.to_string(), "code": refusal.code(), "request_id": request_id });
            ("application/json", document.to_string())
        }
    };
    let mut response = Response::new(Body::whole(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Passes a rack's answer on as it comes; the scope closes with the body's last byte.
pub fn relay(
    answer: Response<RackBody>,
    silence: Silence,
    watch: Option<Watch>,
    mut scope: Scope,
) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    end_to_end(&mut head.headers);
    scope.answered(head.status);
    head.version = http::Version::HTTP_11;
    head.extensions.clear();
    Response::from_parts(head, Body::stream(Sender::Rack, body, scope, silence, watch))
}

/// Passes on an answer that had to be read whole.
pub fn whole(answer: Response<Bytes>, mut scope: Scope) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    end_to_end(&mut head.headers);
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    scope.answered(head.status);
    scope.traffic().add_out(body.len() as u64);
    scope.close();
    head.extensions.clear();
    Response::from_parts(head, Body::whole(body))
}

/// Removes what belongs to the connection to the rack, and cookies, which would be the gateway's own.
pub fn end_to_end(headers: &mut HeaderMap) {
    if !headers.keys().any(is_of_one_hop) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let doomed: Vec<HeaderName> = headers.keys().filter(|name| is_of_one_hop(name)).cloned().collect();
    for name in named.into_iter().chain(doomed) {
        headers.remove(name);
    }
}

fn is_of_one_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "set-cookie"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::Timestamp, identity::AuthError};
    use http_body_util::BodyExt as _;

    async fn text(refusal: Refusal, format: ErrorFormat) -> (StatusCode, String) {
        let response = refuse(&refusal, format, RequestId::new(Timestamp::from_micros(0)));
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn text_by_default_and_json_when_asked_for() {
        let denied = || Refusal::Denied("a may not b".into());
        assert_eq!(text(denied(), ErrorFormat::Text).await, (StatusCode::FORBIDDEN, "a may not b\n".into()));
        let (_, document) = text(denied(), ErrorFormat::Json).await;
        let value: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(value["error"], "a may not b");
        assert_eq!(value["code"], "denied");
        assert!(value["request_id"].is_string());
    }

    #[tokio::test]
    async fn all_failures_of_authentication_read_the_same() {
        let unknown = text(Refusal::Unauthenticated(AuthError::Unknown), ErrorFormat::Text).await;
        for error in [AuthError::Missing, AuthError::Revoked, AuthError::Expired, AuthError::OwnerLocked] {
            assert_eq!(text(Refusal::Unauthenticated(error), ErrorFormat::Text).await, unknown);
        }
    }

    #[tokio::test]
    async fn an_unknown_route_has_no_body() {
        assert_eq!(
            text(Refusal::UnknownRoute, ErrorFormat::Json).await,
            (StatusCode::NOT_FOUND, String::new())
        );
    }

    #[test]
    fn hop_by_hop_headers_stop_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, x-private"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("set-cookie", "a=b"),
            ("transfer-encoding", "chunked"),
            ("x-kept", "2"),
        ] {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        end_to_end(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }
}
