//! The three shapes of a log line.

use super::{
    Format,
    escape::{push_json, push_plain, push_value},
    fields::Fields,
};
use crate::core::Timestamp;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use time::{OffsetDateTime, UtcOffset};

const SERVICE: &str = "rack-gateway";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The numbers that readers of JSON logs know from pino.
    const fn number(self) -> u8 {
        match self {
            Self::Trace => 10,
            Self::Debug => 20,
            Self::Info => 30,
            Self::Warn => 40,
            Self::Error => 50,
            Self::Fatal => 60,
        }
    }
}

/// What is the same on every line.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub pid: u32,
    pub hostname: String,
    pub offset: UtcOffset,
}

pub(super) fn line(
    format: Format,
    origin: &Origin,
    at: Timestamp,
    severity: Severity,
    fields: &Fields,
) -> String {
    let mut out = String::with_capacity(160);
    match format {
        Format::Text => text(&mut out, at, severity, fields),
        Format::Json => json(&mut out, origin, at, severity, fields),
        Format::Pretty => pretty(&mut out, origin, at, severity, fields),
    }
    out.push('\n');
    out
}

/// `2025/01/29 12:34:56 message key=value`, in UTC; `level=` comes first unless it is info.
fn text(out: &mut String, at: Timestamp, severity: Severity, fields: &Fields) {
    let t = date_time(at, UtcOffset::UTC);
    let (year, month, day) = t.to_calendar_date();
    let (hour, minute, second) = t.to_hms();
    let _ = write!(out, "{year:04}/{:02}/{day:02} {hour:02}:{minute:02}:{second:02} ", u8::from(month));
    push_plain(out, &fields.message);
    if severity != Severity::Info {
        let _ = write!(out, " level={}", severity.name());
    }
    for (name, value) in &fields.values {
        let _ = write!(out, " {name}=");
        match value {
            Value::String(text) => push_value(out, text),
            other => push_value(out, &other.to_string()),
        }
    }
}

/// `{"level":30,"time":1738154096000,"pid":1,"hostname":"a","msg":"Server listening","service":…,"port":8080}`
fn json(out: &mut String, origin: &Origin, at: Timestamp, severity: Severity, fields: &Fields) {
    let mut object = Map::new();
    object.insert("level".into(), severity.number().into());
    object.insert("time".into(), at.as_micros().div_euclid(1_000).into());
    object.insert("pid".into(), origin.pid.into());
    object.insert("hostname".into(), origin.hostname.as_str().into());
    object.insert("msg".into(), fields.message.as_str().into());
    object.insert("service".into(), SERVICE.into());
    for (name, value) in &fields.values {
        let taken = object.contains_key(name);
        object.insert(if taken { format!("field_{name}") } else { name.clone() }, value.clone());
    }
    push_json(out, &Value::Object(object).to_string());
}

/// `[10:30:00 +0800] INFO: Server listening {"port": 8080}`, in local time.
fn pretty(out: &mut String, origin: &Origin, at: Timestamp, severity: Severity, fields: &Fields) {
    let (hour, minute, second) = date_time(at, origin.offset).to_hms();
    let (offset_hours, offset_minutes, _) = origin.offset.as_hms();
    let sign = if origin.offset.is_negative() { '-' } else { '+' };
    let _ = write!(
        out,
        "[{hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}] {}: ",
        offset_hours.abs(),
        offset_minutes.abs(),
        severity.name().to_uppercase()
    );
    push_plain(out, &fields.message);
    for (index, (name, value)) in fields.values.iter().enumerate() {
        let _ = write!(out, "{}\"{name}\": ", if index == 0 { " {" } else { ", " });
        push_json(out, &value.to_string());
    }
    if !fields.values.is_empty() {
        out.push('}');
    }
}

fn date_time(at: Timestamp, offset: UtcOffset) -> OffsetDateTime {
    let seconds = at.as_micros().div_euclid(1_000_000);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listening() -> Fields {
        let values = json!({"port": 8080, "addr": "a b"});
        Fields { message: "Server listening".into(), values: values.as_object().unwrap().clone() }
    }

    fn shown(format: Format, severity: Severity, fields: &Fields) -> String {
        let offset = UtcOffset::from_hms(8, 0, 0).unwrap();
        let origin = Origin { pid: 7, hostname: "box".into(), offset };
        let at = Timestamp::parse("2025-01-29T02:30:00.123456Z").unwrap();
        line(format, &origin, at, severity, fields)
    }

    #[test]
    fn text_looks_like_the_log_of_a_go_program() {
        let line = shown(Format::Text, Severity::Info, &listening());
        assert_eq!(line, "2025/01/29 02:30:00 Server listening port=8080 addr=\"a b\"\n");
        let line = shown(Format::Text, Severity::Warn, &listening());
        assert_eq!(line, "2025/01/29 02:30:00 Server listening level=warn port=8080 addr=\"a b\"\n");
    }

    #[test]
    fn json_begins_with_the_known_keys() {
        let line = shown(Format::Json, Info, &listening());
        assert_eq!(
            line,
            "{\"level\":30,\"time\":1738117800123,\"pid\":7,\"hostname\":\"box\",\"msg\":\"Server listening\",\
             \"service\":\"rack-gateway\",\"port\":8080,\"addr\":\"a b\"}\n"
        );
        let level = |severity| {
            serde_json::from_str::<Value>(&shown(Format::Json, severity, &listening())).unwrap()["level"]
                .clone()
        };
        use Severity::*;
        assert_eq!(
            [Trace, Debug, Info, Warn, Error, Fatal].map(level),
            [10, 20, 30, 40, 50, 60].map(Value::from)
        );
    }

    #[test]
    fn a_field_cannot_replace_a_known_key() {
        let mut fields = listening();
        fields.values.insert("msg".into(), "forged".into());
        let line: Value = serde_json::from_str(&shown(Format::Json, Severity::Info, &fields)).unwrap();
        assert_eq!(line["msg"], "Server listening");
        assert_eq!(line["field_msg"], "forged");
    }

    #[test]
    fn pretty_is_for_eyes() {
        let line = shown(Format::Pretty, Severity::Info, &listening());
        assert_eq!(line, "[10:30:00 +0800] INFO: Server listening {\"port\": 8080, \"addr\": \"a b\"}\n");
        let line =
            shown(Format::Pretty, Severity::Fatal, &Fields { message: "bye".into(), ..Fields::default() });
        assert_eq!(line, "[10:30:00 +0800] FATAL: bye\n");
    }
}
