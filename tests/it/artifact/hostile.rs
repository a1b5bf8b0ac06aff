//! Tricks with paths and headers, and a registry that fails.

use super::{World, document, refusal};
use crate::support::exchange::exchange;

#[tokio::test]
async fn paths_that_two_parsers_could_read_differently_go_no_further() {
    let world = World::start().await;
    let team = world.gateway.token_on("viewer", "artifact:team/**").await;
    let before = world.server.seen().len();
    for (path, status) in [
        ("/registries/@team/../@other/tools/lint", 400),
        ("/registries/@team/%2e%2e/@other/tools/lint", 400),
        ("/registries/@team%2F..%2F@other/tools/lint", 400),
        ("/registries/@team/x%2f..%2f..%2f@other", 400),
        ("/registries/@team/quality%5Chusky", 400),
        ("/registries/@team/quality/husky/1.0.0/files/..%2f..%2fregistry.json", 400),
        ("/registries/@team/quality/husky/1.0.0/files/%00", 400),
        ("/registries/@team/quality/husky/1.0.0/files/a%3Fb", 400),
        ("//registries/@team/quality/husky", 404),
        ("/registries//@team/quality/husky", 400),
        ("/registries/@team/quality/husky/", 400),
        ("/registries/@team/quality/husky;x=1", 400),
        ("/registries/@TEAM/quality/husky", 400),
        ("/registries/@team/quality/husky%252f", 400),
        ("/schemas/..%2fauth.json", 400),
        ("/schemas/auth.json", 404),
        ("/metrics", 404),
        ("/.healthcheck", 404),
    ] {
        let request = format!(
            "GET /api/v1/artifact-proxy{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {team}\r\n\r\n"
        );
        let answer = exchange(world.gateway.address(), request.as_bytes()).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("lint"), "{path}: {}", answer.text());
    }
    for method in ["DELETE", "PUT", "PATCH", "OPTIONS"] {
        let request = format!(
            "{method} /api/v1/artifact-proxy/registries/@team/quality/husky/1.0.0 HTTP/1.1\r\nHost: x\r\n\
             Authorization: Bearer {team}\r\nX-HTTP-Method-Override: GET\r\n\r\n"
        );
        assert_eq!(exchange(world.gateway.address(), request.as_bytes()).await.status, 404, "{method}");
    }
    assert_eq!(world.server.seen().len(), before, "something went on");
    // What is sent is written anew, without the query.
    assert_eq!(world.get(&team, "/registries/%40team/quality/husky?token=x").await.status(), 200);
    assert_eq!(world.server.seen().last().unwrap().target, "/registries/@team/quality/husky");
}

#[tokio::test]
async fn a_registry_that_fails_tells_nothing_of_itself() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    world.server.fall_ill();
    let path = "/registries/@team/quality/husky";
    let broken = world.get(&viewer, path).await;
    let text = broken.text().await.unwrap();
    assert!(text.contains("UPSTREAM_ERROR") && !text.contains("/srv") && !text.contains("ENOENT"), "{text}");
    let health = world.open("/health").await;
    assert_eq!(health.status(), 503);
    let health = document(health).await;
    assert_eq!(health["status"], "error");
    assert!(!health.to_string().contains("/srv"), "{health}");
}

#[tokio::test]
async fn a_registry_that_is_away_or_forgets_us() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    let path = "/registries/@team/quality/husky";
    let forgets = crate::support::artifact_server::ArtifactServer::start(&["@team"]).await;
    let gateway = crate::support::gateway::TestGateway::with([
        ("ARTIFACT_URL", forgets.url().as_str()),
        ("ARTIFACT_TOKEN", "an old token"),
    ])
    .await;
    let other = gateway.token("viewer").await;
    let url = gateway.url(&format!("/api/v1/artifact-proxy{path}"));
    let answer = world.http.get(url).bearer_auth(other).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("UPSTREAM_CREDENTIAL") && !text.contains("an old token"), "{text}");

    world.server.stop();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let (status, code) = refusal(world.get(&viewer, path).await).await;
    // A kept connection breaks, a new one is refused.
    assert_eq!(status, 502, "{code}");
    assert_eq!(refusal(world.get(&viewer, path).await).await.1, "UPSTREAM_UNREACHABLE");
    let health = world.open("/health").await;
    assert_eq!(health.status(), 503);
    assert!(health.text().await.unwrap().contains("cannot be reached"));
}

/// The client must not take half a file for a whole one.
#[tokio::test]
async fn a_registry_that_dies_in_the_middle() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    let answer = world.get(&viewer, "/registries/@team/quality/husky/1.0.0/files/dies.bin").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.content_length(), Some(5_000_000));
    assert!(answer.bytes().await.is_err());
    let wanted =
        |record: &serde_json::Value| record["action"] == "artifact.read" && !record["reason"].is_null();
    let record = world.gateway.lines.wait_for(wanted).await;
    assert!(record["reason"].as_str().unwrap().contains("broke off"), "{record}");
}

#[tokio::test]
async fn without_an_artifact_registry_there_is_none() {
    let gateway = crate::support::gateway::TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let answer = gateway.own(&admin, "GET /api/v1/artifact-proxy/health").send().await.unwrap();
    assert_eq!(answer.status(), 404);
}
