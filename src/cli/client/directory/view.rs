//! Instances and nodes as tables. What the gateway does not say is left empty.

use crate::{
    cli::output::{plain, table},
    core::Timestamp,
};
use serde_json::Value;

/// The columns of `instances list`, and with all of them.
pub fn instances(list: &[Value], now: Timestamp) -> (String, String) {
    let usual = |one: &Value| {
        [text(one, "id"), text(one, "url"), status(one), text(one, "slug"), heartbeat(one, now)]
    };
    let header = ["INSTANCE ID", "URL", "STATUS", "OWNER SLUG", "LAST HEARTBEAT"];
    let narrow = table(header, list.iter().map(usual));
    let header = [
        "INSTANCE ID",
        "URL",
        "STATUS",
        "OWNER SLUG",
        "LAST HEARTBEAT",
        "WEIGHT",
        "TAGS",
        "NODE",
        "OWNER",
        "DETAILS",
    ];
    let all = |one: &Value| {
        let [id, url, status, slug, heartbeat] = usual(one);
        let tags = list_of(one, "tags");
        let owner = first(one, &["ownerEmail", "owner"]);
        [
            id,
            url,
            status,
            slug,
            heartbeat,
            text(one, "weight"),
            tags,
            text(one, "nodeUrl"),
            owner,
            text(one, "details"),
        ]
    };
    (narrow, table(header, list.iter().map(all)))
}

/// The columns of `nodes list`, and with all of them.
pub fn nodes(list: &[Value], now: Timestamp) -> (String, String) {
    let usual = |one: &Value| [text(one, "id"), text(one, "url"), heartbeat(one, now)];
    let narrow = table(["NODE ID", "URL", "LAST HEARTBEAT"], list.iter().map(usual));
    let header =
        ["NODE ID", "URL", "LAST HEARTBEAT", "STATUS", "HOST", "OS", "CORES", "CPU", "MEMORY", "DISK"];
    let all = |one: &Value| {
        let [id, url, heartbeat] = usual(one);
        let percent = |pointer: &str| {
            one.pointer(pointer)
                .and_then(Value::as_f64)
                .map(|share| format!("{share:.0}%"))
                .unwrap_or_default()
        };
        [
            id,
            url,
            heartbeat,
            text(one, "status"),
            text(one, "hostname"),
            text(one, "os"),
            one.pointer("/cpu/cores").map(word).unwrap_or_default(),
            percent("/usage/cpu/percent"),
            percent("/usage/memory/percent"),
            percent("/usage/disk/percent"),
        ]
    };
    (narrow, table(header, list.iter().map(all)))
}

/// Every field of one, a line each.
pub fn whole(one: &Value) -> String {
    let mut lines = Vec::new();
    for (key, value) in one.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(items) if items.is_empty() => {}
            other => lines.push(format!("{key}: {}", plain(&word(other)))),
        }
    }
    lines.join("\n")
}

/// With the reason when it drains.
fn status(one: &Value) -> String {
    let status = text(one, "status");
    match one.get("draining").and_then(Value::as_str) {
        Some(_) => format!("{status}, draining"),
        None => status,
    }
}

/// `8s ago`, `1m3s ago`, or `never`.
fn heartbeat(one: &Value, now: Timestamp) -> String {
    let at = one.get("lastHeartbeat").and_then(Value::as_str).and_then(|at| Timestamp::parse(at).ok());
    match at.filter(|at| at.as_micros() > 0) {
        None => "never".to_owned(),
        Some(at) => format!("{} ago", span(now.since(at).as_secs())),
    }
}

/// The two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (0, hours, minutes, _) => format!("{hours}h{minutes}m"),
        (days, hours, ..) => format!("{days}d{hours}h"),
    }
}

fn text(one: &Value, key: &str) -> String {
    one.get(key).map(word).unwrap_or_default()
}

fn first(one: &Value, keys: &[&str]) -> String {
    keys.iter().map(|key| text(one, key)).find(|text| !text.is_empty()).unwrap_or_default()
}

fn list_of(one: &Value, key: &str) -> String {
    let items = one.get(key).and_then(Value::as_array).into_iter().flatten();
    items.map(word).collect::<Vec<_>>().join(",")
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-01T00:10:00Z").unwrap()
    }

    #[test]
    fn columns_stand_as_people_know_them() {
        let list = [
            json!({"id": "inst_1", "url": "http://web:8080", "status": "Healthy", "slug": "web", "lastHeartbeat": "2026-01-01T00:08:57Z", "weight": 100, "tags": ["a", "b"]}),
            json!({"id": "inst_2", "url": "http://x:1", "status": "Unknown", "slug": "x\u{1b}[31m", "lastHeartbeat": null, "draining": "upgrade"}),
        ];
        let (narrow, wide) = instances(&list, now());
        let lines: Vec<_> = narrow.lines().collect();
        assert!(lines[0].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).eq([
            "INSTANCE ID",
            "URL",
            "STATUS",
            "OWNER SLUG",
            "LAST HEARTBEAT"
        ]));
        assert!(lines[1].ends_with("1m3s ago") && lines[2].contains("Unknown, draining"), "{narrow}");
        assert!(lines[2].ends_with("never") && !narrow.contains('\u{1b}'));
        assert!(wide.contains("a,b") && wide.contains("WEIGHT"));
        let (empty, _) = instances(&[], now());
        assert!(empty.starts_with("INSTANCE ID"), "the header stands alone");
    }

    #[test]
    fn times_are_short_and_never_absurd() {
        let beat = |at: Value| heartbeat(&json!({ "lastHeartbeat": at }), now());
        assert_eq!(beat(json!("2026-01-01T00:09:52Z")), "8s ago");
        assert_eq!(beat(json!("2026-01-01T00:11:00Z")), "0s ago", "a clock that is ahead");
        for never in [json!(null), json!(""), json!("0001-01-01T00:00:00Z"), json!(5)] {
            assert_eq!(beat(never), "never");
        }
        assert_eq!((span(3_725), span(90_000)), ("1h2m".to_owned(), "1d1h".to_owned()));
    }

    #[test]
    fn nodes_show_what_they_tell() {
        let list = [
            json!({"id": "node_1", "url": "http://n:11337", "usage": {"cpu": {"percent": 12.4}}, "cpu": {"cores": 8}}),
        ];
        let (narrow, wide) = nodes(&list, now());
        assert!(narrow.starts_with("NODE ID") && narrow.ends_with("never"));
        assert!(wide.contains("12%") && wide.contains('8'));
    }
}
