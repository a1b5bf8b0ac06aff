//! Reading the audit log is on record with what was asked for, and never walks the whole log at once.

use super::get;
use crate::support::gateway::TestGateway;

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
