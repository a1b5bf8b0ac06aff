//! What is read, by whom, and who may keep it.

use super::{World, document, header, refusal};
use crate::support::session::{CLI, Kind};
use serde_json::json;

#[tokio::test]
async fn every_route_answers_as_published() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    for (path, expected) in [
        ("/health", json!({"status": "ok", "checks": {"storage": {"status": "ok"}}})),
        ("/namespaces", json!({"namespaces": ["@team", "@other", "@open"]})),
        ("/namespaces/@team/registries", json!({"namespace": "@team", "registries": ["quality/husky"]})),
        ("/schemas/rack.json", json!({"$id": "rack.json"})),
        ("/presets/node-app", json!({"name": "node-app"})),
        ("/registries/@team/quality/husky/versions", json!({"versions": ["1.1.0", "1.0.0"]})),
        ("/registries/@team/quality/husky", json!({"name": "husky"})),
        ("/registries/%40team/quality/husky/1.0.0", json!({"name": "husky"})),
    ] {
        let answer = world.get(&viewer, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(header(&answer, "content-type").starts_with("application/json"), "{path}");
        assert_eq!(document(answer).await, expected, "{path}");
        let head = world.http.head(world.url(path)).bearer_auth(&viewer).send().await.unwrap();
        assert_eq!(head.status(), 200, "HEAD {path}");
    }
    let file = world.get(&viewer, "/registries/@team/quality/husky/1.0.0/files/index.ts").await;
    assert_eq!(header(&file, "content-type"), "text/typescript; charset=utf-8");
    assert_eq!(file.text().await.unwrap(), "export {}");
    let absent = world.get(&viewer, "/registries/@team/quality/husky/9.0.0").await;
    assert_eq!(refusal(absent).await, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn the_token_of_the_client_stays_and_the_gateways_own_goes_on() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    let path = "/registries/@team/quality/husky";
    let by_own_header = world.http.get(world.url(path)).header("x-registry-token", &viewer);
    let by_own_header = by_own_header.header("cookie", "a=b").header("x-forwarded-for", "1.2.3.4");
    assert_eq!(by_own_header.send().await.unwrap().status(), 200);
    assert_eq!(world.get(&viewer, path).await.status(), 200);
    for seen in world.server.seen() {
        assert_eq!(seen.headers["x-registry-token"], super::TOKEN);
        for name in ["authorization", "cookie", "x-forwarded-for", "forwarded"] {
            assert!(!seen.headers.contains_key(name), "{name}");
        }
        assert!(!format!("{:?}", seen.headers).contains(&viewer));
    }
    // `Authorization` decides alone; two tokens are none.
    let wrong = world.http.get(world.url(path)).bearer_auth("rgw_wrong").header("x-registry-token", &viewer);
    assert_eq!(refusal(wrong.send().await.unwrap()).await, (401, "INVALID_TOKEN".to_owned()));
    let two = world.http.get(world.url(path));
    let two = two.header("x-registry-token", &viewer).header("x-registry-token", &viewer);
    assert_eq!(two.send().await.unwrap().status(), 401);
    let upstream = world.http.get(world.url(path)).header("x-registry-token", super::TOKEN);
    assert_eq!(
        upstream.send().await.unwrap().status(),
        401,
        "the server's token is not one of the gateway's"
    );
}

#[tokio::test]
async fn rights_are_those_of_namespaces() {
    let world = World::with_public("").await;
    let team = world.gateway.token_on("viewer", "artifact:team/**").await;
    let husky = world.gateway.token_on("viewer", "artifact:team/quality/husky").await;
    let images = world.gateway.token_on("viewer", "repo:team/**").await;
    for (token, path, status) in [
        (&team, "/registries/@team/quality/husky", 200),
        (&team, "/registries/@other/tools/lint", 403),
        (&team, "/namespaces/@other/registries", 403),
        (&team, "/registries/@absent/x", 403),
        (&husky, "/registries/@team/quality/husky/1.0.0/files/index.ts", 200),
        (&husky, "/registries/@team/quality/other", 403),
        (&husky, "/namespaces/@team/registries", 403),
        (&images, "/registries/@team/quality/husky", 403),
    ] {
        let answer = world.get(token, path).await;
        assert_eq!(answer.status(), status, "{path}");
        if status == 403 {
            let (_, code) = refusal(answer).await;
            assert_eq!(code, "FORBIDDEN_NAMESPACE");
        }
    }
    let seen = world.server.seen();
    assert!(seen.iter().all(|seen| !seen.target.contains("other")), "what was refused went on: {seen:?}");
    let listed = |token: String| {
        let world = &world;
        async move { document(world.get(&token, "/namespaces").await).await["namespaces"].clone() }
    };
    assert_eq!(listed(team.clone()).await, json!(["@team"]));
    assert_eq!(listed(images).await, json!([]));
    let said = document(world.get(&team, "/registries/@other/tools/lint").await).await;
    let said = said["message"].as_str().unwrap();
    assert!(said.contains("may not read artifacts on other/tools/lint"), "{said}");
    assert!(said.contains("registry:artifact:read"), "{said}");
}

#[tokio::test]
async fn strangers_read_what_is_public_and_learn_nothing_else() {
    let world = World::start().await;
    for path in [
        "/health",
        "/schemas/rack.json",
        "/presets/node-app",
        "/registries/@open/base",
        "/registries/@open/base/1.0.0/files/index.ts",
        "/namespaces/@open/registries",
    ] {
        assert_eq!(world.open(path).await.status(), 200, "{path}");
    }
    assert_eq!(document(world.open("/namespaces").await).await, json!({"namespaces": ["@open"]}));
    for path in [
        "/registries/@team/quality/husky",
        "/registries/@absent/x",
        "/namespaces/@team/registries",
        "/metrics",
        "/registries/@open/..%2f..",
        "/nothing",
    ] {
        let answer = world.open(path).await;
        assert!(header(&answer, "www-authenticate").starts_with("Bearer"), "{path}");
        assert_eq!(refusal(answer).await, (401, "UNAUTHORIZED".to_owned()), "{path}");
    }
    let closed = World::with_public("").await;
    assert_eq!(closed.open("/namespaces").await.status(), 401);
    assert_eq!(closed.open("/registries/@open/base").await.status(), 401);
}

#[tokio::test]
async fn what_is_gated_is_kept_by_nobody_and_a_tag_saves_bytes() {
    let world = World::start().await;
    let viewer = world.gateway.token("viewer").await;
    let gated = "/registries/@team/quality/husky/1.0.0/files/long.txt";
    let first = world.get(&viewer, gated).await;
    assert_eq!(header(&first, "cache-control"), "private, no-cache");
    assert!(
        header(&first, "vary").contains("Authorization")
            && header(&first, "vary").contains("X-Registry-Token")
    );
    for gone in ["set-cookie", "access-control-allow-origin", "server", "x-ratelimit-limit"] {
        assert!(!first.headers().contains_key(gone), "{gone}");
    }
    let tag = header(&first, "etag").to_owned();
    assert_eq!(first.text().await.unwrap().len(), 5_000);
    let again = world.http.get(world.url(gated)).bearer_auth(&viewer).header("if-none-match", &tag);
    let again = again.send().await.unwrap();
    assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, tag.as_str()));
    assert_eq!(header(&again, "cache-control"), "private, no-cache");
    assert_eq!(again.bytes().await.unwrap().len(), 0);
    // The tag is no way in.
    let stranger = world.http.get(world.url(gated)).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(stranger.status(), 401);

    let packed = world.http.get(world.url(gated)).bearer_auth(&viewer).header("accept-encoding", "gzip");
    let packed = packed.send().await.unwrap();
    assert_eq!(
        (header(&packed, "content-encoding"), header(&packed, "etag")),
        ("gzip", &*format!("W/{tag}"))
    );
    assert!(packed.bytes().await.unwrap().len() < 1_000);

    let public = world.open("/registries/@open/base/1.0.0/files/page.html").await;
    assert_eq!(header(&public, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&public, "vary"), "Accept-Encoding");
    assert!(header(&public, "content-security-policy").contains("sandbox"));
    assert_eq!(header(&public, "x-content-type-options"), "nosniff");
    let latest = world.open("/registries/@open/base").await;
    assert_eq!(header(&latest, "cache-control"), "public, max-age=60");
    let listed = world.get(&viewer, "/namespaces").await;
    assert_eq!(header(&listed, "cache-control"), "private, no-cache");
}

/// Whoever had a person's session could read and publish before the person had a second factor at all.
#[tokio::test]
async fn who_has_no_second_factor_enrols_one_before_the_artifacts() {
    let world = World::start().await;
    let nobody_yet = world.gateway.session_of("admin", &Kind { enrolled: false, ..CLI }).await;
    for path in
        ["/registries/@team/quality/husky", "/registries/@open/base", "/namespaces", "/nowhere/at/all"]
    {
        let refused = world.get(&nobody_yet.secret, path).await;
        assert_eq!(refused.status(), 401, "{path}");
        assert_eq!(refused.headers()["x-mfa-required"], "enrollment", "{path}");
        assert!(refused.headers().get("www-authenticate").is_none(), "a login would not mend it");
    }
    let published = world.publish(&nobody_yet.secret, Vec::new()).await;
    assert_eq!(published.status(), 401);
    assert_eq!(published.headers()["x-mfa-required"], "enrollment");
    let enrolled = world.gateway.session_of("admin", &CLI).await;
    assert_eq!(world.get(&enrolled.secret, "/registries/@team/quality/husky").await.status(), 200);
}
