//! Answers that are read whole: errors, lists that are cut down to what the caller may see, and health.

use super::{Problem, problem};
use crate::upstream::RackBody;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Lists of names, and errors.
const LIMIT: usize = 4 * 1024 * 1024;
/// For a document of that length.
const PATIENCE: Duration = Duration::from_secs(30);
/// Characters of the server's own words.
const MESSAGE: usize = 1_000;

#[derive(Deserialize)]
struct Theirs {
    code: String,
    message: String,
}

pub async fn read(body: RackBody) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, Limited::new(body, LIMIT).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(_)) => Err(Problem::bad_answer().because("the answer is too long, or broke off")),
        Err(_) => Err(problem::silent()),
    }
}

/// Passes success on. Of what failed, only what is the caller's business is told.
pub async fn judge(answer: Response<RackBody>) -> Result<Response<RackBody>, Problem> {
    let status = answer.status();
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::NOT_MODIFIED => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(Problem::bad_credential()),
        StatusCode::TOO_MANY_REQUESTS => {
            let text = "the artifact registry is asked too much; try again shortly";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_BUSY", text))
        }
        _ if status.is_client_error() => {
            let told = read(answer.into_body()).await.ok();
            Err(told.and_then(|bytes| theirs(status, &bytes)).unwrap_or_else(|| untold(status)))
        }
        _ => {
            // A text of the server's own may name its files.
            let reason = format!("the artifact registry answered {}", status.as_u16());
            let text = "the artifact registry failed";
            Err(Problem::new(StatusCode::BAD_GATEWAY, "UPSTREAM_ERROR", text).because(reason))
        }
    }
}

fn theirs(status: StatusCode, bytes: &[u8]) -> Option<Problem> {
    let Theirs { code, message } = serde_json::from_slice(bytes).ok()?;
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    if code.is_empty() || code.len() > 60 || !code.bytes().all(is_code) {
        return None;
    }
    let message: String =
        message.chars().take(MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(Problem::new(status, code, message))
}

fn untold(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        _ => Problem::new(status, "REFUSED", "the artifact registry refused the request"),
    }
}

/// The list called `key`, with only the names that `sees` lets pass.
pub fn filtered(bytes: &[u8], key: &str, sees: impl Fn(&str) -> bool) -> Result<Value, Problem> {
    let mut document: Value = serde_json::from_slice(bytes).map_err(|_| Problem::bad_answer())?;
    let list = document.get_mut(key).and_then(Value::as_array_mut).ok_or_else(Problem::bad_answer)?;
    let names: Vec<Value> =
        std::mem::take(list).into_iter().filter(|name| name.as_str().is_some_and(&sees)).collect();
    Ok(json!({ key: names }))
}

/// The document of health, and its status. Why the storage is ill stands in the server's own log.
pub fn health(is_well: Result<bool, &'static str>) -> (StatusCode, Value) {
    let ill = |error: &str| {
        let storage = json!({"status": "error", "error": error});
        (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "error", "checks": {"storage": storage}}))
    };
    match is_well {
        Ok(true) => (StatusCode::OK, json!({"status": "ok", "checks": {"storage": {"status": "ok"}}})),
        Ok(false) => ill("Storage health check failed"),
        Err(why) => ill(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_protocol_are_told() {
        let told = |text: &str| theirs(StatusCode::CONFLICT, text.as_bytes());
        let told_one = told(r#"{"code":"VERSION_EXISTS","message":"1.0.0\nexists"}"#).unwrap();
        assert_eq!((told_one.status, &*told_one.message), (StatusCode::CONFLICT, "1.0.0 exists"));
        for text in
            ["", "[]", r#"{"message":"x"}"#, r#"{"code":"<b>","message":"x"}"#, r#"{"code":1,"message":2}"#]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn lists_hold_names_and_nothing_else() {
        let bytes = br#"{"namespaces":["@a","@b",1,{"x":"@a"}],"secret":true}"#;
        assert_eq!(
            filtered(bytes, "namespaces", |name| name == "@a").unwrap(),
            json!({"namespaces": ["@a"]})
        );
        assert!(filtered(br#"{"namespaces":"@a"}"#, "namespaces", |_| true).is_err());
        assert!(filtered(b"[]", "namespaces", |_| true).is_err());
    }

    #[test]
    fn health_reads_as_published() {
        let (status, document) = health(Ok(true));
        assert_eq!(status, 200);
        assert_eq!(document.to_string(), r#"{"status":"ok","checks":{"storage":{"status":"ok"}}}"#);
        assert_eq!(health(Ok(false)).0, 503);
    }
}
