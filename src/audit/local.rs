//! Records of changes made on the machine itself, by the administration commands, without a request.

use super::Decision;
use crate::{
    core::{RequestId, Timestamp},
    store::AuditRow,
};
use serde::Serialize;
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// One change by somebody with a shell on the machine: whoever may open the database may do it, so the
/// decision is always "allow".
#[derive(Clone, Debug)]
pub struct LocalChange {
    pub at: Timestamp,
    /// Joins the intent and the outcome of one change.
    pub request_id: RequestId,
    /// `local:` and the name of the account.
    pub actor: Arc<str>,
    /// As in `user.create`.
    pub action: &'static str,
    /// What is changed, by the name its owner knows it by.
    pub resource: String,
    pub resource_type: &'static str,
    /// What else tells the change from others, as in `role ops on staging/*`.
    pub detail: Option<String>,
}

/// How far a [`LocalChange`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalEvent {
    Intent,
    Done,
    Failed,
}

impl LocalEvent {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Intent => ("intent", "pending"),
            Self::Done => ("outcome", "success"),
            Self::Failed => ("outcome", "failed"),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    ts: Timestamp,
    user_email: &'a str,
    action_type: &'static str,
    action: &'static str,
    resource: &'a str,
    resource_type: &'static str,
    status: &'static str,
    rbac_decision: Decision,
    /// There was no HTTP.
    http_status: u16,
    latency_ms: u64,
    ip_address: IpAddr,
    user_agent: &'static str,
    event_count: u32,
    event: &'static str,
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl LocalChange {
    /// The row for the table, with the same first thirteen keys as the record of a request.
    pub fn row(&self, how_far: LocalEvent, now: Timestamp) -> AuditRow {
        let (event, status) = how_far.words();
        let line = Line {
            ts: self.at,
            user_email: &self.actor,
            action_type: "gateway",
            action: self.action,
            resource: &self.resource,
            resource_type: self.resource_type,
            status,
            rbac_decision: Decision::Allow,
            http_status: 0,
            latency_ms: u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX),
            ip_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: concat!("rack-gateway/", env!("CARGO_PKG_VERSION")),
            event_count: 1,
            event,
            request_id: self.request_id,
            detail: self.detail.as_deref(),
        };
        AuditRow {
            ts: self.at,
            event,
            request_id: self.request_id,
            user_email: self.actor.clone(),
            action: Cow::Borrowed(self.action),
            resource: self.resource.as_str().into(),
            status: Cow::Borrowed(status),
            rbac_decision: Cow::Borrowed(Decision::Allow.as_str()),
            // Plain strings and numbers always have a form in JSON.
            record: serde_json::to_string(&line).unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_the_common_keys_first_and_agrees_with_its_columns() {
        let at = Timestamp::from_micros(1_705_314_600_000_000);
        let change = LocalChange {
            at,
            request_id: RequestId::new(at),
            actor: "local:root".into(),
            action: "grant.add",
            resource: "ada@example.com".into(),
            resource_type: "grant",
            detail: Some("role ops on staging/*".into()),
        };
        let row = change.row(LocalEvent::Done, Timestamp::from_micros(at.as_micros() + 12_000));
        let expected = format!(
            r#"{{"ts":"2024-01-15T10:30:00.000000Z","user_email":"local:root","action_type":"gateway","action":"grant.add","resource":"ada@example.com","resource_type":"grant","status":"success","rbac_decision":"allow","http_status":0,"latency_ms":12,"ip_address":"127.0.0.1","user_agent":"rack-gateway/{}","event_count":1,"event":"outcome","request_id":"{}","detail":"role ops on staging/*"}}"#,
            env!("CARGO_PKG_VERSION"),
            change.request_id
        );
        assert_eq!(*row.record, expected);
        assert_eq!((row.event, &*row.status, &*row.action), ("outcome", "success", "grant.add"));
        assert_eq!(change.row(LocalEvent::Intent, at).status, "pending");
        assert_eq!(change.row(LocalEvent::Failed, at).status, "failed");
    }
}
