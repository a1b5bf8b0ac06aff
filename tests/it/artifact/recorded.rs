//! What the audit log and the metrics say of artifacts.

use super::{World, archive};

#[tokio::test]
async fn reads_publications_and_refusals_are_on_record() {
    let world = World::start().await;
    let deployer = world.gateway.token_on("deployer", "artifact:team/**").await;
    let record = |action: &'static str, status: &'static str| {
        let lines = world.gateway.lines.clone();
        async move { lines.wait_for(|record| record["action"] == action && record["status"] == status).await }
    };
    world.get(&deployer, "/registries/@team/quality/husky/1.0.0/files/index.ts").await.bytes().await.unwrap();
    let read = record("artifact.read", "success").await;
    assert_eq!(read["resource"], "team/quality/husky");
    assert_eq!(read["target"], "team/quality/husky");
    assert_eq!(read["resource_type"], "artifact");
    assert_eq!(read["permission"], "registry:artifact:read");
    assert_eq!(read["command"], "1.0.0 index.ts");
    assert_eq!(read["bytes_out"], 9);
    assert_eq!(read["route"], "/artifact/registries/{package}/{version}/files/{path}");

    let bytes = archive("@team", "2.0.0");
    world.publish(&deployer, bytes.clone()).await;
    let published = record("artifact.publish", "success").await;
    assert_eq!(published["resource"], "team/quality/husky");
    assert_eq!(published["permission"], "registry:artifact:publish");
    assert!(published["command"].as_str().unwrap().starts_with("2.0.0 "), "{published}");
    assert!(published["bytes_in"].as_u64().unwrap() > bytes.len() as u64);
    let admin = world.gateway.token("admin").await;
    let intents = "GET /api/v1/audit-logs?action=artifact.publish";
    let page: serde_json::Value =
        world.gateway.own(&admin, intents).send().await.unwrap().json().await.unwrap();
    assert!(page["logs"].to_string().contains("\"intent\""), "{page}");

    world.publish(&deployer, archive("@other", "2.0.0")).await;
    let denied = record("artifact.publish", "denied").await;
    assert_eq!(denied["target"], "other/quality/husky");
    assert_eq!(denied["rbac_decision"], "deny");
    world.open("/registries/@team/quality/husky").await;
    let stranger = record("artifact.read", "denied").await;
    assert_eq!(stranger["http_status"], 401);
    let text = world.gateway.lines.text();
    assert!(!text.contains(super::TOKEN) && !text.contains(&deployer));
}
