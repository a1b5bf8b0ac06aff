//! An app's variables: who sees which, and what becomes of the masks when they are sent back.

use crate::{cve::upstream::Upstream, support::gateway::TestGateway};
use futures_util::future::join_all;
use rack_gateway::core::redact::MASK;
use serde_json::Value;

const SECRETS: [&str; 3] = ["demo-api-token-1f2e3d", "demo-database-password", "demo-stripe-secret-key"];

/// As the rack itself knows it, asked past the gateway.
async fn stored(gateway: &TestGateway, path: &str) -> Value {
    let url = format!("{}{path}", gateway.rack.url());
    let answer =
        reqwest::Client::new().get(url).basic_auth("convox", Some("rack-password")).send().await.unwrap();
    answer.json().await.unwrap()
}

async fn newest(gateway: &TestGateway) -> Value {
    stored(gateway, "/apps/web/releases?limit=1").await[0].clone()
}

async fn get(gateway: &TestGateway, token: &str, path: &str) -> (u16, String) {
    let answer = gateway.call(token, &format!("GET {path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn env(gateway: &TestGateway, token: &str, release: &str) -> String {
    let (status, text) = get(gateway, token, &format!("/apps/web/releases/{release}")).await;
    assert_eq!(status, 200, "{text}");
    let release: Value = serde_json::from_str(&text).unwrap();
    release["env"].as_str().unwrap().to_owned()
}

async fn release(gateway: &TestGateway, token: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let post = gateway.call(token, "POST /apps/web/releases?");
    let answer =
        post.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn count(gateway: &TestGateway) -> usize {
    stored(gateway, "/apps/web/releases?limit=1000").await.as_array().unwrap().len()
}

#[tokio::test]
async fn each_role_sees_what_it_may() {
    let gateway = TestGateway::start().await;
    let whole = newest(&gateway).await;
    let whole_env = whole["env"].as_str().unwrap();
    let plain =
        format!("API_TOKEN={MASK}\nDATABASE_PASSWORD={MASK}\nFOO=bar\nPORT=3000\nSTRIPE_SECRET_KEY={MASK}");
    let names = format!(
        "API_TOKEN={MASK}\nDATABASE_PASSWORD={MASK}\nFOO={MASK}\nPORT={MASK}\nSTRIPE_SECRET_KEY={MASK}"
    );
    for (role, lists, reads) in [
        ("admin", Some(whole_env), Some(whole_env)),
        ("deployer", Some(&*plain), Some(&*plain)),
        ("ops", Some(&*plain), None),
        ("cicd", Some(&*names), Some(&*names)),
        ("viewer", None, None),
    ] {
        let token = gateway.token(role).await;
        for (path, expected) in
            [("/apps/web/releases?limit=1", lists), ("/apps/web/releases/R000000003", reads)]
        {
            let (status, text) = get(&gateway, &token, path).await;
            let Some(expected) = expected else {
                assert_eq!(status, 403, "{role} {path}: {text}");
                continue;
            };
            let document: Value = serde_json::from_str(&text).unwrap();
            let shown = if path.contains("limit") { &document[0] } else { &document };
            let mut unmasked = whole.clone();
            unmasked["env"] = expected.into();
            assert_eq!(shown, &unmasked, "{role} {path}: all but env is as the rack sent it");
            let leaks = SECRETS.iter().any(|secret| text.contains(secret));
            assert_eq!(leaks, role == "admin", "{role} {path}");
        }
    }
    assert!(
        gateway
            .rack
            .requests()
            .iter()
            .filter(|seen| seen.target.contains("R000000003"))
            .all(|seen| seen.header("accept-encoding") == Some("identity"))
    );
}

#[tokio::test]
async fn further_variables_can_be_declared_secret() {
    let gateway = TestGateway::with([("CONVOX_SECRET_ENV_VARS", "FOO")]).await;
    let deployer = gateway.token("deployer").await;
    assert!(env(&gateway, &deployer, "R000000003").await.contains(&format!("\nFOO={MASK}\nPORT=3000\n")));
    let posted = env(&gateway, &deployer, "R000000003").await.replace(&format!("FOO={MASK}"), "FOO=new");
    assert_eq!(release(&gateway, &deployer, &[("env", &posted)]).await.0, 403);
}

#[tokio::test]
async fn masks_that_come_back_keep_the_stored_values() {
    let gateway = TestGateway::start().await;
    let deployer = gateway.token("deployer").await;
    let before = newest(&gateway).await["env"].as_str().unwrap().to_owned();
    let seen = env(&gateway, &deployer, "R000000003").await;
    let (status, answer) =
        release(&gateway, &deployer, &[("env", &format!("GREETING=hello world\n{seen}"))]).await;
    assert_eq!(status, 200, "{answer}");
    assert!(!SECRETS.iter().any(|secret| answer.contains(secret)), "{answer}");
    let after = newest(&gateway).await["env"].as_str().unwrap().to_owned();
    assert_eq!(after, format!("GREETING=hello world\n{before}"));
    let record = gateway
        .lines
        .wait_for(|record| record["action"] == "release.create" && record["event"] == "outcome")
        .await;
    assert_eq!(record["changes"], "set GREETING");
    assert!(!gateway.lines.text().contains("hello world"));
}

#[tokio::test]
async fn a_deployer_changes_no_secret() {
    let gateway = TestGateway::start().await;
    let deployer = gateway.token("deployer").await;
    let seen = env(&gateway, &deployer, "R000000003").await;
    let before = count(&gateway).await;
    for posted in [
        // Set, guessed right, removed, and a new one.
        seen.replace(&format!("API_TOKEN={MASK}"), "API_TOKEN=canary-4711"),
        seen.replace(&format!("API_TOKEN={MASK}"), "API_TOKEN=demo-api-token-1f2e3d"),
        seen.replace(&format!("API_TOKEN={MASK}\n"), ""),
        format!("{seen}\nNEW_SECRET=canary-4711"),
        String::new(),
    ] {
        let (status, sentence) = release(&gateway, &deployer, &[("env", &posted)]).await;
        assert_eq!(status, 403, "{posted}: {sentence}");
        assert!(sentence.contains("convox:secret:set") && sentence.contains("demo/web"), "{sentence}");
        assert!(!sentence.contains("canary"), "{sentence}");
    }
    assert_eq!(count(&gateway).await, before);
    let posts = gateway.rack.requests().into_iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posts, 0);
    let denied = gateway.lines.wait_for(|record| record["changes"] == "set NEW_SECRET (secret)").await;
    assert_eq!((&denied["rbac_decision"], &denied["status"]), (&"deny".into(), &"denied".into()));
    assert_eq!(denied["permission"], "convox:secret:set");
    assert!(!gateway.lines.text().contains("canary"));

    let admin = gateway.token("admin").await;
    let (status, answer) = release(&gateway, &admin, &[("env", "API_TOKEN=rotated\nFOO=bar")]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(newest(&gateway).await["env"], "API_TOKEN=rotated\nFOO=bar");
}

#[tokio::test]
async fn without_the_right_to_read_all_is_masked_and_nothing_can_be_changed() {
    let gateway = TestGateway::start().await;
    let cicd = gateway.token("cicd").await;
    let before = newest(&gateway).await["env"].clone();
    let seen = env(&gateway, &cicd, "R000000003").await;
    let (status, answer) = release(&gateway, &cicd, &[("env", &seen), ("build", "B000000003")]).await;
    assert_eq!(status, 200, "a build server promotes what it may not read: {answer}");
    assert_eq!(newest(&gateway).await["env"], before);
    let (status, sentence) =
        release(&gateway, &cicd, &[("env", &seen.replace(&format!("FOO={MASK}"), "FOO=bar"))]).await;
    assert_eq!((status, sentence.contains("convox:env:set")), (403, true), "{sentence}");
}

#[tokio::test]
async fn a_mask_with_nothing_behind_it_is_refused_by_name() {
    let gateway = TestGateway::start().await;
    let before = count(&gateway).await;
    for role in ["deployer", "admin"] {
        let token = gateway.token(role).await;
        let (status, sentence) =
            release(&gateway, &token, &[("env", &format!("FOO=bar\nNEW_TOKEN={MASK}"))]).await;
        assert_eq!((status, sentence.contains("NEW_TOKEN")), (400, true), "{role}: {sentence}");
    }
    assert_eq!(count(&gateway).await, before);
    let deployer = gateway.token("deployer").await;
    let post = gateway.call(&deployer, "POST /apps/nope/releases");
    let post = post.header("content-type", "application/x-www-form-urlencoded").body("env=A%3D1");
    assert_eq!(post.send().await.unwrap().status(), 404);
}

/// `releases rollback` reads an old release and creates one with its build and environment.
#[tokio::test]
async fn a_rollback_brings_back_the_old_values_behind_the_masks() {
    let gateway = TestGateway::start().await;
    let (admin, deployer) = (gateway.token("admin").await, gateway.token("deployer").await);
    let old = stored(&gateway, "/apps/web/releases/R000000002").await;
    let rotated = old["env"].as_str().unwrap().replace(SECRETS[0], "rotated-since");
    assert_eq!(release(&gateway, &admin, &[("env", &rotated)]).await.0, 200);

    let seen = env(&gateway, &deployer, "R000000002").await;
    let fields = [("build", old["build"].as_str().unwrap()), ("env", &*seen), ("description", "rollback")];
    let (status, answer) = release(&gateway, &deployer, &fields).await;
    assert_eq!(status, 200, "{answer}");
    let now = newest(&gateway).await;
    assert_eq!((&now["env"], &now["build"]), (&old["env"], &old["build"]));
    assert!(!answer.contains(SECRETS[0]) && !answer.contains("rotated-since"));
}

#[tokio::test]
async fn no_mask_is_ever_stored_when_many_write_at_once() {
    let gateway = TestGateway::start().await;
    let deployer = gateway.token("deployer").await;
    let writers = (0..12).map(|number| {
        let (gateway, deployer) = (&gateway, &deployer);
        async move {
            let seen = env(gateway, deployer, "R000000003").await;
            release(gateway, deployer, &[("env", &format!("{seen}\nWRITER_{number}=1"))]).await.0
        }
    });
    for status in join_all(writers).await {
        assert_eq!(status, 200);
    }
    let all = stored(&gateway, "/apps/web/releases?limit=1000").await;
    let fresh: Vec<&str> =
        all.as_array().unwrap().iter().map(|release| release["env"].as_str().unwrap()).collect();
    assert_eq!(fresh.len(), 15);
    for text in &fresh {
        assert!(!text.contains(MASK), "{text}");
    }
    for text in &fresh[..12] {
        assert!(SECRETS.iter().all(|secret| text.contains(secret)) && text.contains("WRITER_"), "{text}");
    }
}

/// An answer that is no release cannot be masked, so it is not shown at all.
#[tokio::test]
async fn what_cannot_be_masked_is_not_passed_on() {
    let upstream = Upstream::start().await;
    let gateway = TestGateway::with([("RACK_HOST", &*upstream.url())]).await;
    for role in ["deployer", "admin"] {
        let token = gateway.token(role).await;
        for path in ["/apps/whole-1/releases", "/apps/whole-1/releases/R1", "/apps/cut-1/releases"] {
            let (status, text) = get(&gateway, &token, path).await;
            assert_eq!((status, text.contains("cannot be shown")), (502, true), "{role} {path}: {text}");
            assert!(!text.contains("whole-1"), "{text}");
        }
    }
    let record = gateway.lines.wait_for(|record| record["http_status"] == 502).await;
    assert_eq!((&record["rbac_decision"], &record["status"]), (&"allow".into(), &"error".into()));
}
