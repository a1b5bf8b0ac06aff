//! Collects the message and the fields of an event, without the secrets.

use super::Headers;
use crate::core::{
    redact::{REDACTED, is_secret_header},
    scrub::{is_secret_name, scrub},
};
use serde_json::{Map, Value};
use std::{error::Error, fmt};
use tracing::field::{Field, Visit};

/// Longer texts are cut: a log line is for reading.
const LONGEST_TEXT: usize = 16 * 1024;
/// What is looked at for secrets; well beyond the cut, so that the cut cannot hide how a secret ends.
const LONGEST_SCRUBBED: usize = 4 * LONGEST_TEXT;

#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub message: String,
    pub values: Map<String, Value>,
}

/// Fills [`Fields`] from an event or a span.
pub(super) struct Collector<'a> {
    pub fields: &'a mut Fields,
    pub headers: Headers,
}

impl Collector<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name().trim_start_matches("r#");
        if name.starts_with("log.") {
            return; // bookkeeping of the bridge from the `log` crate
        }
        let value = match value {
            value if self.headers == Headers::Shown && is_secret_header(name) => value,
            _ if is_secret_name(name) => REDACTED.into(),
            Value::String(text) => clean(&text).into(),
            value => value,
        };
        match (name, value) {
            ("message", Value::String(text)) => self.fields.message = text,
            (name, value) => _ = self.fields.values.insert(name.into(), value),
        }
    }
}

fn clean(text: &str) -> String {
    let looked_at = head(text, LONGEST_SCRUBBED);
    let scrubbed = scrub(looked_at);
    let shown = head(&scrubbed, LONGEST_TEXT);
    let cut = scrubbed.len() - shown.len() + text.len() - looked_at.len();
    if cut == 0 { shown.into() } else { format!("{shown}… ({cut} bytes more)") }
}

fn head(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or_default()
}

impl Visit for Collector<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let finite = serde_json::Number::from_f64(value).map(Value::Number);
        self.put(field, finite.unwrap_or_else(|| value.to_string().into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        self.put(field, text.into());
    }
}
