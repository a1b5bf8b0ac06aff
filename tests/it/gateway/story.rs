//! The main job: a call goes through, authenticated, authorised, recorded.

use crate::support::gateway::TestGateway;

#[tokio::test]
async fn a_viewer_lists_and_may_not_restart() {
    let gateway = TestGateway::start().await;
    let client = reqwest::Client::new();
    let viewer = gateway.token("viewer").await;

    let list =
        client.get(gateway.rack_url("/apps")).basic_auth("convox", Some(&viewer)).send().await.unwrap();
    assert_eq!(list.status(), 200);

    let restart = client.post(gateway.rack_url("/apps/web/restart")).basic_auth("convox", Some(&viewer));
    let restart = restart.send().await.unwrap();
    assert_eq!(restart.status(), 403);
    let sentence = restart.text().await.unwrap();
    for part in ["viewer-", "@example.com", "convox:app:restart", "demo/web"] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert!(!gateway.rack.requests().iter().any(|seen| seen.target.contains("restart")));

    let denied = gateway.lines.wait_for(|record| record["action"] == "app.restart").await;
    assert_eq!(denied["rbac_decision"], "deny");
    assert_eq!(denied["status"], "denied");
    let listed = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!(listed["rbac_decision"], "allow");
    assert!(gateway.stop().await.recorded);
}

#[tokio::test]
async fn without_a_token_nothing_is_forwarded() {
    let gateway = TestGateway::start().await;
    let answer = reqwest::get(gateway.rack_url("/apps")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("x-request-id"));
    assert!(gateway.rack.requests().is_empty());
    let record = gateway.lines.wait_for(|record| record["http_status"] == 401).await;
    assert_eq!(record["reason"], "credential_missing");
    assert_eq!(record["action"], "app.list");
}
