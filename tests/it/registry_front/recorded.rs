//! What the audit log says of images.

use super::Front;
use serde_json::Value;
use std::time::Duration;

async fn record(front: &Front, wanted: impl Fn(&Value) -> bool) -> Value {
    front.gateway.lines.wait_for(wanted).await
}

/// What the log holds of an action, newest first.
async fn events(front: &Front, admin: &str, action: &str) -> Vec<String> {
    for _ in 0..1_000 {
        let request = format!("GET /api/v1/audit-logs?action={action}");
        let page: Value = front.gateway.own(admin, &request).send().await.unwrap().json().await.unwrap();
        let logs = page["logs"].as_array().unwrap();
        if logs.len() > 1 {
            return logs.iter().map(|log| log["record"]["event"].as_str().unwrap().to_owned()).collect();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{action} is not there twice");
}

#[tokio::test]
async fn pushes_pulls_and_deletions_are_on_record() {
    let front = Front::start().await;
    let secret = front.gateway.token("admin").await;
    let admin = front.by_ticket(&front.ticket(&secret).await);
    let (document, digest) = admin.push_image("team/app", "v1", "first").await;
    let length = document.to_string().len();

    let asked = record(&front, |record| record["action"] == "registry.token").await;
    assert_eq!(asked["status"], "success");
    assert_eq!(asked["action_type"], "auth");
    assert!(asked["token_id"].is_string(), "{asked}");

    let blob = record(&front, |record| record["action"] == "blob.push").await;
    assert_eq!(blob["resource"], "team/app");
    assert!(blob["command"].as_str().unwrap().contains("sha256:"), "{blob}");
    assert!(blob["bytes_in"].as_u64().unwrap() > 0, "{blob}");

    let pushed = record(&front, |record| record["action"] == "repository.push").await;
    assert_eq!(pushed["status"], "success");
    assert_eq!(pushed["resource"], "team/app");
    assert_eq!(pushed["target"], "team/app");
    assert_eq!(pushed["permission"], "registry:repo:push");
    assert_eq!(pushed["command"], "v1");
    assert_eq!(pushed["changes"], digest);
    assert_eq!(pushed["bytes_in"], length);
    assert_eq!(pushed["token_id"], asked["token_id"]);
    assert_eq!(events(&front, &secret, "repository.push").await, ["outcome", "intent"]);

    let path = format!("/v2/team/app/manifests/{digest}");
    let pulled = admin.get(&path).await;
    assert_eq!(pulled.bytes().await.unwrap().len(), length);
    let pulled = record(&front, |record| record["action"] == "repository.pull" && record["method"] == "GET");
    let pulled = pulled.await;
    assert_eq!(pulled["command"], digest);
    assert_eq!(pulled["bytes_out"], length);
    assert_eq!(pulled["permission"], "registry:repo:pull");

    assert_eq!(admin.send("DELETE", &path).await.status(), 202);
    let deleted = record(&front, |record| record["action"] == "repository.delete").await;
    assert_eq!(deleted["command"], digest);
    assert_eq!(deleted["status"], "success");
    assert_eq!(events(&front, &secret, "repository.delete").await, ["outcome", "intent"]);
    assert!(!front.gateway.lines.text().contains(&secret));
}

#[tokio::test]
async fn refusals_are_on_record() {
    let front = Front::start().await;
    let viewer = front.by(&front.gateway.token("viewer").await);
    assert_eq!(viewer.send("POST", "/v2/team/app/blobs/uploads/").await.status(), 403);
    let refused = record(&front, |record| record["http_status"] == 403).await;
    assert_eq!(refused["status"], "denied");
    assert_eq!(refused["rbac_decision"], "deny");
    assert_eq!(refused["resource"], "team/app");
    assert_eq!(refused["permission"], "registry:repo:push");
    assert!(refused["user_email"].as_str().unwrap().starts_with("viewer-"), "{refused}");

    front.nobody().get("/v2/team/app/tags/list").await;
    let stranger = record(&front, |record| record["reason"] == "credential_missing").await;
    assert_eq!(stranger["status"], "denied");
    assert_eq!(stranger["resource"], "team/app");
    front.by_ticket("eyJh.e30.x").get("/v2/").await;
    record(&front, |record| record["reason"] == "ticket_invalid").await;
    front.ask_ticket("").basic_auth("any", Some("rgw_wrong")).send().await.unwrap();
    let token = record(&front, |record| record["action"] == "registry.token" && record["status"] == "denied");
    assert_eq!(token.await["http_status"], 401);
}

/// What is longer than one read of the client is counted whole, and closed when it has gone out.
#[tokio::test]
async fn a_download_is_recorded_with_its_length() {
    let front = Front::start().await;
    let admin = front.admin().await;
    let layer = vec![7u8; 3_000_000];
    let digest = admin.push_blob("team/app", &layer).await;
    let pulled = admin.get(&format!("/v2/team/app/blobs/{digest}")).await.bytes().await.unwrap();
    assert_eq!(pulled.len(), layer.len());
    let record = record(&front, |record| record["action"] == "blob.pull").await;
    assert_eq!(record["bytes_out"], layer.len());
    assert_eq!(record["command"], digest);
    assert_eq!(record["status"], "success");
    assert!(record["reason"].is_null(), "{record}");
}
