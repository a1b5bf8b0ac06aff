//! What a handler adds to its record.

use crate::audit::{Decision, Scope};
use serde_json::Value;
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Put into every request by the guard, which writes what was noted into the record when the handler has answered:
/// `Extension(note): Extension<Note>`, then `note.resource("ada@example.com")`.
#[derive(Clone, Debug, Default)]
pub struct Note(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    resource: Option<String>,
    action: Option<Cow<'static, str>>,
    user: Option<Arc<str>>,
    reason: Option<Cow<'static, str>>,
    changes: Option<String>,
    denied: bool,
    routine: bool,
}

/// Longest text of changes in a record.
const LONGEST: usize = 8_000;

/// Parts of names whose values are never recorded, and ends of names that tell nothing all the same.
const SECRET: [&str; 7] = ["secret", "token", "password", "_key", "hash", "code", "cookie"];
const HARMLESS: [&str; 3] = ["_id", "_name", "_at"];

/// Characters of a resource that are recorded.
const RESOURCE: usize = 255;

impl Note {
    /// Which one was read or changed: an e-mail address, a name, an id.
    pub fn resource(&self, resource: impl Into<String>) {
        let resource: String = resource.into();
        self.facts().resource = Some(resource.chars().take(RESOURCE).collect());
    }

    /// When the action turns out to be another than the route's.
    pub fn action(&self, action: impl Into<Cow<'static, str>>) {
        self.facts().action = Some(action.into());
    }

    /// Who it was, where no credential told: at a login.
    pub fn user(&self, email: &str) {
        self.facts().user = Some(email.into());
    }

    /// Why it was refused or failed, for those who may read the log; never a secret.
    pub fn reason(&self, reason: impl Into<Cow<'static, str>>) {
        self.facts().reason = Some(reason.into());
    }

    /// Records a refusal by the handler itself (a wrong code, a login without an account) as a decision against.
    pub fn denied(&self, reason: impl Into<Cow<'static, str>>) {
        let mut facts = self.facts();
        facts.reason = Some(reason.into());
        facts.denied = true;
    }

    /// It went well and changed nothing, as a heartbeat does: there is nothing to record. For routes of
    /// [`super::Access::Pulse`] only.
    pub fn routine(&self) {
        self.facts().routine = true;
    }

    pub(super) fn is_routine(&self) -> bool {
        self.facts().routine
    }

    /// What it was before and what it is now. Values of fields whose names sound secret are left out.
    pub fn changes(&self, before: &Value, after: &Value) {
        let (mut before, mut after) = (before.clone(), after.clone());
        redact(&mut before);
        redact(&mut after);
        let mut text = serde_json::json!({ "before": before, "after": after }).to_string();
        if text.len() > LONGEST {
            text = r#"{"before":"too long","after":"too long"}"#.to_owned();
        }
        self.facts().changes = Some(text);
    }

    pub(super) fn write_into(&self, scope: &mut Scope) {
        let facts = std::mem::take(&mut *self.facts());
        if let Some(resource) = facts.resource {
            scope.resource = resource;
        }
        if let Some(action) = facts.action {
            scope.action = action;
        }
        if let Some(user) = facts.user {
            scope.set_user(user);
        }
        if facts.reason.is_some() {
            scope.reason = facts.reason;
        }
        if facts.changes.is_some() {
            scope.changes = facts.changes;
        }
        if facts.denied {
            scope.decision = Decision::Deny;
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                let is_text = value.is_string() || value.is_number();
                if is_text && is_secret(&name) {
                    *value = Value::from("[REDACTED]");
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part)) && !HARMLESS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_do_not_reach_the_record() {
        let note = Note::default();
        let after = json!({"name": "x", "app_secret": "hunter2", "keys": [{"api_key": "hunter2", "kind": "a"}], "token_name": "ci"});
        note.changes(&json!(null), &after);
        let text = note.facts().changes.clone().unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["before"], Value::Null);
        assert_eq!((&read["after"]["name"], &read["after"]["keys"][0]["kind"]), (&"x".into(), &"a".into()));
        assert_eq!(read["after"]["token_name"], "ci");
    }

    #[test]
    fn what_is_too_long_stays_json() {
        let note = Note::default();
        note.changes(&json!({"a": "x".repeat(LONGEST)}), &json!({}));
        assert!(serde_json::from_str::<Value>(note.facts().changes.as_deref().unwrap()).is_ok());
    }
}
