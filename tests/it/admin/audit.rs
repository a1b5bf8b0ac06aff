//! Reading the audit log is on record with what was asked for, and never walks the whole log at once.

use super::get;
use crate::support::gateway::TestGateway;
use rack_gateway::{core::RequestId, store::AuditRow};
use std::{borrow::Cow, sync::Arc};

#[tokio::test]
async fn what_was_asked_for_is_on_record() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    get(&gateway, &admin, "/api/v1/audit-logs?user=eve%40example.com&status=denied").await;
    let record = gateway.lines.wait_for(|record| record["action"] == "audit.list").await;
    assert_eq!(record["resource"], "user=eve%40example.com&status=denied");
    get(&gateway, &admin, "/api/v1/audit-logs?page=1").await;
    let record = gateway.lines.wait_for(|record| record["http_status"] == 400).await;
    assert_eq!(record["resource"], "", "what is not understood may be a secret");
    assert!(record["reason"].as_str().unwrap().starts_with("page: "), "{record}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_listed_as_such() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let now = gateway.clock.now();
    let row = |record: &str| AuditRow {
        ts: now,
        event: "outcome",
        request_id: RequestId::new(now),
        user_email: Arc::from("eve@example.com"),
        action: Cow::Borrowed("app.read"),
        resource: Arc::from("web"),
        status: Cow::Borrowed("success"),
        rbac_decision: Cow::Borrowed("allow"),
        record: Arc::from(record),
    };
    let rows = [row(r#"{"whole":1}"#), row(r#"{"cut":"#), row(r#"{"whole":2}"#)];
    let first = gateway.db.append_audit(&rows).await.unwrap();
    let (status, page) = get(&gateway, &admin, "/api/v1/audit-logs?user=eve%40example.com").await;
    assert_eq!(status, 200, "{page}");
    let expected = serde_json::json!([
        { "seq": first + 2, "record": { "whole": 2 } },
        { "seq": first + 1, "record": null, "unreadable": true },
        { "seq": first, "record": { "whole": 1 } },
    ]);
    assert_eq!(page["logs"], expected);
}
