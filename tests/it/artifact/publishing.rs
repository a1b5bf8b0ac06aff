//! What is published, by whom, and where it says that it belongs.

use super::{World, archive, document, packed, refusal};
use serde_json::json;

#[tokio::test]
async fn a_package_arrives_whole_and_once() {
    let world = World::start().await;
    let deployer = world.gateway.token_on("deployer", "artifact:team/**").await;
    let published = world.publish(&deployer, archive("@team", "2.0.0")).await;
    assert_eq!(
        (published.status().as_u16(), &published.headers()["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let said = document(published).await;
    assert_eq!((&said["namespace"], &said["path"]), (&json!("@team"), &json!("@team/quality/husky/2.0.0")));
    let files = world.server.files("@team/quality/husky", "2.0.0").unwrap();
    assert_eq!(files["index.ts"], b"export {}");
    assert_eq!(
        refusal(world.publish(&deployer, archive("@team", "2.0.0")).await).await,
        (409, "VERSION_EXISTS".to_owned())
    );
    let latest = world.get(&deployer, "/registries/@team/quality/husky/2.0.0").await;
    assert_eq!(document(latest).await["version"], "2.0.0");
}

#[tokio::test]
async fn the_archive_says_where_it_belongs_and_nothing_else_does() {
    let world = World::start().await;
    let team = world.gateway.token_on("deployer", "artifact:team/**").await;
    let before = world.server.seen().len();
    let refused = world.publish(&team, archive("@other", "2.0.0")).await;
    let said = refused.text().await.unwrap();
    assert!(said.contains("NAMESPACE_NOT_ALLOWED"), "{said}");
    assert!(said.contains("may not publish artifacts on other/quality/husky"), "{said}");
    assert!(said.contains("registry:artifact:publish"), "{said}");
    assert_eq!(world.server.seen().len(), before, "it went on");

    let good = json!({"name": "husky", "namespace": "@team", "version": "2.0.0"}).to_string();
    let evil = json!({"name": "husky", "namespace": "@other", "version": "2.0.0"}).to_string();
    for archive in [
        packed(&[("registry.json", good.as_bytes()), ("./registry.json", evil.as_bytes())]),
        [packed(&[("registry.json", good.as_bytes())]), packed(&[("registry.json", evil.as_bytes())])]
            .concat(),
    ] {
        assert_eq!(refusal(world.publish(&team, archive).await).await, (400, "INVALID_ARCHIVE".to_owned()));
    }
    assert_eq!(world.server.seen().len(), before);
    assert!(world.server.files("@other/quality/husky", "2.0.0").is_none());
}

#[tokio::test]
async fn who_may_not_publish_is_told_before_the_archive_is_read() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    // A body that never comes.
    let request = format!(
        "POST /api/v1/artifact-proxy/registries HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {viewer}\r\n\
         Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 100000\r\n\r\n--X"
    );
    let answer = crate::support::exchange::exchange(world.gateway.address(), request.as_bytes()).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("NAMESPACE_NOT_ALLOWED"), "{}", answer.text());
    let stranger = request.replace(&format!("Authorization: Bearer {viewer}\r\n"), "");
    let answer = crate::support::exchange::exchange(world.gateway.address(), stranger.as_bytes()).await;
    assert_eq!(answer.status, 401);
    // Nor need a long one be sent by those who may.
    let deployer = world.gateway.token("deployer").await;
    let long = request.replace(&viewer, &deployer).replace("100000", "99000000");
    let answer = crate::support::exchange::exchange(world.gateway.address(), long.as_bytes()).await;
    assert_eq!((answer.status, answer.text().contains("FILE_TOO_LARGE")), (413, true));
}

#[tokio::test]
async fn an_archive_that_is_too_long_or_broken_is_refused_by_name() {
    let world = World::start().await;
    let deployer = world.gateway.token("deployer").await;
    let noise: Vec<u8> = (0..100_000).flat_map(|_| rand::random::<[u8; 20]>()).collect();
    let long = packed(&[("noise", &noise)]);
    assert!(long.len() > 1024 * 1024);
    let refused = refusal(world.upload(&deployer, &long, "x").await).await;
    assert_eq!(refused, (413, "FILE_TOO_LARGE".to_owned()));
    let wrong = world.upload(&deployer, &archive("@team", "2.0.0"), &"0".repeat(64)).await;
    assert_eq!(refusal(wrong).await, (400, "CHECKSUM_MISMATCH".to_owned()));
    let json = world.http.post(world.url("/registries")).bearer_auth(&deployer).json(&json!({}));
    assert_eq!(refusal(json.send().await.unwrap()).await, (415, "INVALID_MULTIPART".to_owned()));
    assert!(world.server.seen().iter().all(|seen| seen.method != "POST"));
}

/// What was published at one time by many is there once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_publish_one_version() {
    let world = World::start().await;
    let deployer = world.gateway.token("deployer").await;
    let publish = || async { world.publish(&deployer, archive("@team", "3.0.0")).await.status().as_u16() };
    let mut statuses = futures_util::future::join_all((0..12).map(|_| publish())).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[201].as_slice(), &[409; 11]].concat());
}
