//! Takes out of a report what must not leave the process.

use crate::core::{
    redact::{REDACTED, is_secret_header},
    scrub::{is_secret_name, scrub},
};
use sentry::protocol::{Event, Request, User};
use serde_json::Value;

/// Headers that hold a URL of the client's choice, query and all.
const URL_HEADERS: [&str; 3] = ["referer", "location", "content-location"];

/// Removes the person, the body, the query and the cookies; hides values with secret names; scrubs every text.
pub(super) fn clean(mut event: Event<'static>) -> Event<'static> {
    event.user = event.user.map(|user| User { id: user.id, ..User::default() });
    shorten(&mut event);
    event.request = event.request.map(clean_request);
    let event_id = event.event_id;
    let unreadable = || Event {
        event_id,
        message: Some("an error report was withheld because it could not be scrubbed".into()),
        ..Event::default()
    };
    let Ok(mut json) = serde_json::to_value(event) else { return unreadable() };
    clean_json(&mut json);
    serde_json::from_value(json).unwrap_or_else(|_| unreadable())
}

/// Frames of a stack that are kept, the innermost.
const FRAMES: usize = 60;
/// Bytes of a message that are kept.
const MESSAGE: usize = 2_048;

fn shorten(event: &mut Event<'static>) {
    if let Some(message) = &mut event.message {
        message.truncate(message.floor_char_boundary(MESSAGE));
    }
    for exception in &mut event.exception.values {
        if let Some(value) = &mut exception.value {
            value.truncate(value.floor_char_boundary(MESSAGE));
        }
        if let Some(stack) = &mut exception.stacktrace {
            stack.frames.drain(..stack.frames.len().saturating_sub(FRAMES));
        }
    }
}

fn clean_request(mut request: Request) -> Request {
    request.data = None;
    request.query_string = None;
    request.cookies = None;
    request.url = request.url.map(|mut url| {
        url.set_query(None);
        url.set_fragment(None);
        // Both fail only for addresses that cannot hold credentials.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url
    });
    request.env.values_mut().for_each(|value| *value = REDACTED.into());
    request.headers.retain(|name, _| !URL_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name)));
    for (name, value) in &mut request.headers {
        if is_secret_header(name) {
            *value = REDACTED.into();
        }
    }
    request
}

fn clean_json(value: &mut Value) {
    match value {
        Value::String(text) => *text = scrub(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(clean_json),
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret_name(name) {
                    *value = REDACTED.into();
                } else {
                    clean_json(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentry::protocol::{Breadcrumb, Context, Exception, Frame, LogEntry, Stacktrace};
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    const SECRETS: [&str; 4] = ["CANARY", "ann@example.com", "192.0.2.7", "11223344"];

    fn full_event() -> Event<'static> {
        let map =
            |entries: &[(&str, &str)]| entries.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let request = Request {
            url: Some("https://u:CANARY@gw.example.com/apps/a?token=CANARY#CANARY".parse().unwrap()),
            method: Some("POST".into()),
            data: Some("CANARY".into()),
            query_string: Some("q=CANARY".into()),
            cookies: Some("session=CANARY".into()),
            headers: map(&[
                ("Authorization", "CANARY"),
                ("X-Registry-Token", "CANARY"),
                ("Environment", "A=CANARY"),
                ("Referer", "https://gw/?CANARY"),
                ("X-Note", "Bearer CANARY"),
                ("Accept", "text/html"),
            ]),
            env: map(&[("HOME", "CANARY")]),
        };
        let frame = Frame {
            function: Some("serve".into()),
            vars: [("password".into(), "CANARY".into())].into(),
            ..Frame::default()
        };
        let text = "postgres://app:CANARY@db/x refused rgw_CANARY1234, DB_PASSWORD=CANARY";
        Event {
            timestamp: UNIX_EPOCH + Duration::from_secs(1_738_154_096),
            environment: Some("production".into()),
            message: Some(text.into()),
            logentry: Some(LogEntry { message: text.into(), params: vec![json!(text)] }),
            culprit: Some(text.into()),
            user: Some(User {
                id: Some("42".into()),
                email: Some("ann@example.com".into()),
                username: Some("ann@example.com".into()),
                ip_address: Some("192.0.2.7".parse().unwrap()),
                other: [("note".into(), "CANARY".into())].into(),
            }),
            request: Some(request),
            exception: vec![Exception {
                ty: "panic".into(),
                value: Some(text.into()),
                stacktrace: Some(Stacktrace { frames: vec![frame], ..Stacktrace::default() }),
                ..Exception::default()
            }]
            .into(),
            breadcrumbs: vec![Breadcrumb {
                message: Some(text.into()),
                data: [("api_key".into(), json!("CANARY")), ("nested".into(), json!({"totp": 11_223_344}))]
                    .into(),
                ..Breadcrumb::default()
            }]
            .into(),
            tags: map(&[("note", "Basic CANARY"), ("client_secret", "CANARY"), ("rack", "prod")]),
            extra: [("deep".into(), json!([{"set-cookie": ["CANARY"]}, {"log": "Cookie: CANARY"}]))].into(),
            contexts: [("more".into(), Context::Other([("token".into(), json!("CANARY"))].into()))].into(),
            ..Event::default()
        }
    }

    #[test]
    fn no_canary_survives() {
        let dirty = serde_json::to_string(&full_event()).unwrap();
        assert!(SECRETS.iter().all(|secret| dirty.contains(secret)));
        let clean = serde_json::to_string(&clean(full_event())).unwrap();
        for secret in SECRETS {
            assert!(!clean.contains(secret), "{secret} in {clean}");
        }
    }

    #[test]
    fn what_helps_to_find_the_fault_survives() {
        let before = full_event();
        let (id, at) = (before.event_id, before.timestamp);
        let event = clean(before);
        assert_eq!((event.event_id, event.timestamp), (id, at));
        assert_eq!(event.environment.as_deref(), Some("production"));
        assert_eq!(event.tags.get("rack").map(String::as_str), Some("prod"));
        assert_eq!(event.user.unwrap().id.as_deref(), Some("42"));
        let request = event.request.unwrap();
        assert_eq!(request.url.unwrap().as_str(), "https://gw.example.com/apps/a");
        assert_eq!(request.headers.get("Accept").map(String::as_str), Some("text/html"));
        let frames = &event.exception[0].stacktrace.as_ref().unwrap().frames;
        assert_eq!(frames[0].function.as_deref(), Some("serve"));
    }
}
