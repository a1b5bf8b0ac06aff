//! One record: the thirteen keys of the monitoring document first, in their order, then ours.

use super::{ByteCounters, Seen, json::Object};
use crate::{
    core::{
        RequestId, Timestamp,
        id::{SessionId, TokenId, UserId},
        scrub::scrub,
    },
    directory::Reached,
    identity::Principal,
    policy::{Permission, Target},
    store::AuditRow,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// Bytes of a usual record.
const LENGTH: usize = 640;

/// The answer of policy, as the record spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allow,
    Deny,
}

impl Decision {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What is known of a request so far. Deny is the decision until policy says otherwise.
#[derive(Debug)]
pub struct Record {
    pub(super) at: Timestamp,
    pub(super) seen: Seen,
    pub(super) user_email: Arc<str>,
    /// Not recorded: for reports of failures, which do not name people.
    pub user_id: Option<UserId>,
    pub(super) token: Option<(TokenId, Arc<str>)>,
    pub(super) session: Option<SessionId>,
    pub action_type: &'static str,
    pub action: Cow<'static, str>,
    pub resource: String,
    pub resource_type: &'static str,
    pub decision: Decision,
    pub route: &'static str,
    pub rack: Option<Arc<str>>,
    /// Not recorded: where the request's bytes are counted.
    pub byte_counters: Option<Arc<ByteCounters>>,
    pub target: Option<Target>,
    pub permission: Option<Permission>,
    /// Why it was refused or failed, in words that may be shown to anyone who may read the log.
    pub reason: Option<Cow<'static, str>>,
    pub command: Option<String>,
    /// Names of environment variables that a release sets and unsets.
    pub changes: Option<String>,
    /// Which requests brought the blobs of a manifest: `digest=request id`, with spaces between.
    pub uploads: Option<String>,
    pub exit_code: Option<i32>,
    /// Which of several instances answered.
    pub instance: Option<Box<Reached>>,
}

impl Record {
    pub(super) fn begin(seen: Seen, at: Timestamp) -> Self {
        Self {
            at,
            seen,
            user_email: super::nobody(),
            user_id: None,
            token: None,
            session: None,
            action_type: "http",
            action: Cow::Borrowed("request.refuse"),
            resource: String::new(),
            resource_type: "request",
            decision: Decision::Deny,
            route: "",
            rack: None,
            byte_counters: None,
            target: None,
            permission: None,
            reason: None,
            command: None,
            changes: None,
            uploads: None,
            exit_code: None,
            instance: None,
        }
    }

    pub fn set_principal(&mut self, principal: &Principal) {
        self.user_email = principal.user.email.clone();
        self.user_id = Some(principal.user.id);
        self.token = principal.token().map(|token| (token.id, token.name.clone()));
        self.session = principal.session().map(|session| session.id);
    }

    /// Who it was, when no credential told: at a login.
    pub fn set_user(&mut self, email: Arc<str>) {
        self.user_email = email;
    }

    /// Who it is, as the record names them.
    pub fn user_email(&self) -> &str {
        &self.user_email
    }

    /// What the socket told.
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    pub const fn request_id(&self) -> RequestId {
        self.seen.request_id
    }

    /// The row for the table; its `record` is also the line on stdout.
    pub(super) fn row(&self, ending: &Ending) -> AuditRow {
        AuditRow {
            ts: self.at,
            event: ending.event,
            request_id: self.seen.request_id,
            user_email: self.user_email.clone(),
            action: self.action.clone(),
            resource: self.resource.as_str().into(),
            status: Cow::Borrowed(ending.word(self.decision)),
            rbac_decision: Cow::Borrowed(self.decision.as_str()),
            record: self.line(ending),
        }
    }

    /// The exact bytes of the record.
    fn line(&self, ending: &Ending) -> Arc<str> {
        let mut line = Object::with_capacity(LENGTH);
        self.at.with_text(|text| line.text("ts", text));
        line.text("user_email", &self.user_email);
        line.text("action_type", self.action_type);
        line.text("action", &self.action);
        line.text("resource", &self.resource);
        line.text("resource_type", self.resource_type);
        line.text("status", ending.word(self.decision));
        line.text("rbac_decision", self.decision.as_str());
        line.number("http_status", ending.status.map_or(0, |status| status.as_u16().into()));
        line.number("latency_ms", u64::try_from(ending.latency.as_millis()).unwrap_or(u64::MAX));
        line.value("ip_address", &self.seen.ip);
        let user_agent = self.seen.user_agent.as_ref().map(header_text).unwrap_or_default();
        line.text("user_agent", &scrub(&user_agent));
        line.number("event_count", 1);
        line.text("event", ending.event);
        line.id("request_id", self.seen.request_id.as_uuid());
        line.text("method", self.seen.method.as_str());
        line.text("route", self.route);
        self.write_what_is_known(&mut line);
        line.number("bytes_in", ending.bytes_in);
        line.number("bytes_out", ending.bytes_out);
        line.end()
    }

    fn write_what_is_known(&self, line: &mut Object) {
        let texts = [
            ("rack", self.rack.as_deref()),
            ("target", self.target.as_ref().map(|target| cut(target.path()))),
            ("permission", self.permission.map(Permission::name)),
        ];
        write_texts(line, texts);
        if let Some((id, name)) = &self.token {
            line.id("token_id", id.as_uuid());
            line.text("token_name", name);
        }
        if let Some(id) = &self.session {
            line.id("session_id", id.as_uuid());
        }
        let texts = [
            ("reason", self.reason.as_deref()),
            ("command", self.command.as_deref()),
            ("changes", self.changes.as_deref()),
        ];
        write_texts(line, texts);
        if let Some(uploads) = &self.uploads {
            line.text("uploads", uploads);
        }
        if let Some(code) = &self.exit_code {
            line.value("exit_code", code);
        }
        if let Some(reached) = &self.instance {
            line.text("instance", reached.id.as_str());
            line.text("instance_address", &reached.address.to_string());
        }
    }
}

fn write_texts(line: &mut Object, texts: [(&'static str, Option<&str>); 3]) {
    for (key, value) in texts {
        if let Some(value) = value {
            line.text(key, value);
        }
    }
}

/// How far the request has come when the record is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub event: &'static str,
    pub status: Option<StatusCode>,
    pub latency: Duration,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl Ending {
    pub const fn intent(latency: Duration) -> Self {
        Self { event: "intent", status: None, latency, bytes_in: 0, bytes_out: 0 }
    }

    /// Success below 400; denied when policy or authentication said no; failed for the caller's other
    /// mistakes; error for ours and the upstream's.
    const fn word(&self, decision: Decision) -> &'static str {
        let Some(status) = self.status else { return "pending" };
        match (status.as_u16(), decision) {
            (401 | 403, Decision::Deny) => "denied",
            (..400, Decision::Deny) => "denied",
            (..400, Decision::Allow) => "success",
            (400..500, _) => "failed",
            _ => "error",
        }
    }
}

/// At most 255 characters.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(255).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// At most 512 bytes of the header, with what is not UTF-8 replaced.
fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use std::net::IpAddr;

    pub(super) fn seen(user_agent: &[u8]) -> Seen {
        Seen {
            request_id: RequestId::new(Timestamp::from_micros(1)),
            ip: IpAddr::from([192, 168, 1, 100]),
            user_agent: Some(HeaderValue::from_bytes(user_agent).unwrap()),
            method: Method::POST,
        }
    }

    fn ended(status: u16) -> Ending {
        let status = StatusCode::from_u16(status).ok();
        Ending { event: "outcome", status, latency: Duration::from_millis(1250), bytes_in: 1, bytes_out: 2 }
    }

    fn line(record: &Record, ending: &Ending) -> serde_json::Value {
        serde_json::from_str(&record.row(ending).record).unwrap()
    }

    #[test]
    fn the_thirteen_keys_come_first_and_in_order() {
        let record =
            Record::begin(seen(b"rack-gateway-cli/1.0.0"), Timestamp::from_micros(1_705_314_600_000_000));
        let value = line(&record, &ended(200));
        let keys: Vec<_> = value.as_object().unwrap().keys().take(13).map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "ts",
                "user_email",
                "action_type",
                "action",
                "resource",
                "resource_type",
                "status",
                "rbac_decision",
                "http_status",
                "latency_ms",
                "ip_address",
                "user_agent",
                "event_count"
            ]
        );
        assert_eq!(value["ts"], "2024-01-15T10:30:00.000000Z");
        assert_eq!(value["latency_ms"], 1250);
        assert_eq!(value["event_count"], 1);
    }

    #[test]
    fn words_for_the_status() {
        let mut record = Record::begin(seen(b""), Timestamp::from_micros(1));
        for (status, word) in [
            (401, "denied"),
            (403, "denied"),
            (400, "failed"),
            (404, "failed"),
            (503, "error"),
            (101, "denied"),
        ] {
            assert_eq!(line(&record, &ended(status))["status"], word, "{status} denied");
        }
        record.decision = Decision::Allow;
        for (status, word) in [
            (101, "success"),
            (200, "success"),
            (302, "success"),
            (403, "failed"),
            (404, "failed"),
            (502, "error"),
        ] {
            assert_eq!(line(&record, &ended(status))["status"], word, "{status} allowed");
        }
        assert_eq!(line(&record, &Ending::intent(Duration::ZERO))["status"], "pending");
    }

    #[test]
    fn hostile_text_stays_inside_its_line() {
        let mut record = Record::begin(seen(b"evil \xff\xfe agent\t"), Timestamp::from_micros(1));
        record.resource = "web\n{\"status\":\"success\"}\u{1b}[2J\u{202e}".into();
        let row = record.row(&ended(200));
        assert!(!row.record.contains(['\n', '\x1b']));
        assert_eq!(line(&record, &ended(200))["resource"], record.resource);
    }

    #[test]
    fn a_long_target_is_cut_between_characters() {
        let mut record = Record::begin(seen(b""), Timestamp::from_micros(1));
        record.target = Some(Target::app("demo", &"é".repeat(9_000)));
        assert_eq!(line(&record, &ended(200))["target"], format!("demo/{}", "é".repeat(250)));
        record.target = Some(Target::rack("demo"));
        assert_eq!(line(&record, &ended(200))["target"], "demo");
    }

    #[test]
    fn the_instance_that_answered_is_named() {
        let mut record = Record::begin(seen(b""), Timestamp::from_micros(1));
        assert!(line(&record, &ended(200)).get("instance").is_none());
        let id = crate::directory::InstanceId::parse("inst_1").unwrap();
        let address = crate::directory::Address::from_url("https://[2001:db8::1]/p").unwrap();
        record.instance = Some(Box::new(Reached { id, address }));
        let value = line(&record, &ended(200));
        assert_eq!(value["instance"], "inst_1");
        assert_eq!(value["instance_address"], "https://[2001:db8::1]:443/p");
    }

    #[test]
    fn a_long_user_agent_is_cut() {
        let record = Record::begin(seen(&[b'a'; 70_000]), Timestamp::from_micros(1));
        assert_eq!(line(&record, &ended(200))["user_agent"].as_str().unwrap().len(), 512);
    }
}
