//! Bodies that clients send to the gateway's own API: read whole within a limit, and looked at before they are
//! parsed.

use super::ApiError;
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// Levels of lists and objects within each other.
const DEEPEST: usize = 32;
/// Values and keys of one document.
const MOST: usize = 20_000;

/// The whole body, at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, "body_broken", "the body broke off before its end"))
        }
    }
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is longer than {limit} bytes, the most that the API takes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

/// Refuses documents that cost more to parse than any real one, by counting brackets and separators outside
/// strings. What is not JSON passes here and fails where it is parsed.
pub(super) fn check_shape(json: &[u8]) -> Result<(), ApiError> {
    let (mut depth, mut count, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, b',' | b':') => count += 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(bad(format!("the body nests more than {DEEPEST} levels")));
        }
        if count > MOST {
            return Err(bad(format!("the body holds more than {MOST} values")));
        }
    }
    Ok(())
}

/// A JSON body as the handler wants it: `Payload(wanted): Payload<Wanted>`. Missing, unknown and wrong fields are
/// named in the error; values are not repeated, because they may be secrets.
#[derive(Clone, Copy, Debug)]
pub struct Payload<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Payload<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        // The guard has read it within the limit.
        let collected = request.into_body().collect().await.map_err(|_| ApiError::internal())?;
        parse(&collected.to_bytes()).map(Self)
    }
}

/// An empty body counts as `{}`.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, ApiError> {
    check_shape(json)?;
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    serde_json::from_slice(json).map_err(|error| explain(&error, json))
}

fn explain(error: &serde_json::Error, json: &[u8]) -> ApiError {
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        return bad(format!("the body is not JSON: look at line {line}, column {column}"));
    }
    let text = error.to_string();
    let named = |start: &str| text.strip_prefix(start)?.split('`').next().map(str::to_owned);
    if let Some(field) = named("missing field `") {
        return ApiError::field(field, "is missing");
    }
    if let Some(field) = named("unknown field `") {
        return ApiError::field(field.chars().take(60).collect::<String>(), "is not known here");
    }
    if let Some(field) = named("duplicate field `") {
        return ApiError::field(field, "is given twice");
    }
    let field = last_key(json, error).unwrap_or_else(|| "body".to_owned());
    // Behind the last "expected" stands what our own type wants, before it what was sent.
    let wanted =
        text.rsplit_once("expected ").map(|(_, wanted)| wanted.split(" at line").next().unwrap_or(wanted));
    match wanted {
        Some(wanted) => ApiError::field(field, format!("is not right; expected {wanted}")),
        None => ApiError::field(field, "is not right"),
    }
}

/// The last key before the place where parsing stopped.
fn last_key(json: &[u8], error: &serde_json::Error) -> Option<String> {
    let text = std::str::from_utf8(json).ok()?;
    let lines: usize = text.split_inclusive('\n').take(error.line().checked_sub(1)?).map(str::len).sum();
    let before = text.get(..lines.saturating_add(error.column()).min(text.len()))?;
    let (head, _) = before.rsplit_once("\":")?;
    let (_, key) = head.rsplit_once('"')?;
    Some(key.chars().take(60).collect())
}

fn bad(message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_body", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[expect(dead_code, reason = "only parsed")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only parsed")]
        count: u8,
    }

    fn message(json: &str) -> String {
        let error = parse::<Wanted>(json.as_bytes()).unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        error.to_string()
    }

    #[test]
    fn fields_are_named_and_values_are_not() {
        assert_eq!(message("{}"), "name: is missing");
        assert_eq!(message(""), "name: is missing");
        assert_eq!(message(r#"{"name":"a","nmae":1}"#), "nmae: is not known here");
        assert_eq!(message(r#"{"name":"a","name":"b"}"#), "name: is given twice");
        let wrong = message("{\"name\":\"a\",\n \"count\":\"hunter2\"}");
        assert_eq!(wrong, "count: is not right; expected u8");
        assert!(message(r#"{"name":}"#).starts_with("the body is not JSON"));
        assert!(message(r#"{"name":["hunter2"]}"#).starts_with("name: is not right; expected a string"));
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let started = std::time::Instant::now();
        let deep = "[".repeat(500_000);
        assert!(message(&deep).contains("32 levels"));
        let wide = format!("{{{}}}", vec![r#""a":1"#; 100_000].join(","));
        assert!(message(&wide).contains("20000 values"));
        let quoted = format!(r#"{{"name":"{}"}}"#, "[{,:\\\"".repeat(50_000));
        assert!(parse::<Wanted>(quoted.as_bytes()).is_ok(), "brackets in text are text");
        assert!(started.elapsed().as_secs() < 20, "as if each nested one were read again");
    }

    #[tokio::test]
    async fn too_long_is_too_long_announced_or_not() {
        let body = || Body::from(vec![b' '; 11]);
        let announced = HeaderMap::from_iter([(CONTENT_LENGTH, 11.into())]);
        for headers in [announced, HeaderMap::new()] {
            let error = read(&headers, body(), 10).await.unwrap_err();
            assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
        assert_eq!(read(&HeaderMap::new(), body(), 11).await.unwrap().len(), 11);
    }
}
