//! Uploads that are somebody's, tags that two write at once, tickets that end in the middle of a push, and rules: for
//! each kind of backend.

use super::Front;
use crate::{
    registry::{
        owners::{contenders, race},
        target::{OCI_MANIFEST, Target, digest, location, refused, with_digest},
    },
    support::gateway::TestGateway,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use rack_gateway::identity::{
    change::{self, Actor},
    settings,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_goes_on_with_the_upload_of_another() {
    for front in Front::of_each_kind("").await {
        let (ada, eve) = (front.gateway.token("deployer").await, front.gateway.token("admin").await);
        let (ada, eve) = (front.by(&ada), front.by(&eve));
        let upload = ada.start("team/app").await;
        for method in ["GET", "PATCH", "DELETE"] {
            refused(eve.send(method, &upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
        }
        let put = eve.request("PUT", &with_digest(&upload, &digest(b"x"))).body("x").send().await.unwrap();
        refused(put, 404, "BLOB_UPLOAD_UNKNOWN").await;
        assert_eq!(ada.request("PATCH", &upload).body("own").send().await.unwrap().status(), 202);
        assert_eq!(ada.send("PUT", &with_digest(&upload, &digest(b"own"))).await.status(), 201);
    }
}

/// Each may make tags, none may move them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_who_make_a_tag_at_once_one_does() {
    for front in Front::of_each_kind("").await {
        let maker = front.token_with("maker", "registry:repo:push\nregistry:repo:pull", "*").await;
        let maker = front.by(&maker);
        let images = contenders(&maker, "race/app").await;
        for tag in ["one", "two", "three", "four"] {
            let statuses = race(&maker, "race/app", tag, &images).await;
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 201 | 403)), "{statuses:?}");
            let winner = statuses.iter().position(|status| *status == 201).unwrap();
            let there = maker.get(&format!("/v2/race/app/manifests/{tag}")).await.text().await.unwrap();
            assert_eq!(there, images[winner].to_string());
            let again = maker.put_manifest("race/app", tag, OCI_MANIFEST, &images[winner]).await;
            assert_eq!(again.status(), 201, "the same again moves nothing");
        }
        let denied = front.gateway.lines.wait_for(|record| {
            record["action"] == "repository.push"
                && record["rbac_decision"] == "deny"
                && record["http_status"] == 403
        });
        let reason = denied.await["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("registry:tag:overwrite"), "{reason}");
    }
}

/// The claims of a ticket as if it had been given so many seconds ago.
fn aged(ticket: &str, seconds: i64) -> String {
    let mut parts = ticket.split('.');
    let (head, claims) = (parts.next().unwrap(), parts.next().unwrap());
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    for name in ["iat", "exp"] {
        claims[name] = (claims[name].as_i64().unwrap() - seconds).into();
    }
    let seed =
        Sha256::new().chain_update(b"rack-gateway registry tickets").chain_update(super::KEY).finalize();
    let key = SigningKey::from_bytes(&seed.into());
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes()))
}

/// Docker closes an upload with the ticket that it opened it with, however long the layer took.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_ends_in_the_middle_of_a_push() {
    for front in Front::of_each_kind("").await {
        let token = front.gateway.token("deployer").await;
        let ticket = front.ticket(&token).await;
        let upload = front.by_ticket(&ticket).start("team/app").await;
        let late = front.by_ticket(&aged(&ticket, 1_800));
        let answer = late.request("PATCH", &upload).body("a large layer").send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let whole = digest(b"a large layer");
        assert_eq!(late.send("PUT", &with_digest(&location(&answer), &whole)).await.status(), 201);
        // For nothing else, and not for ever.
        for path in ["/v2/team/app/tags/list", "/v2/"] {
            super::challenge(&late.get(path).await);
        }
        super::challenge(&late.send("POST", "/v2/team/app/blobs/uploads/").await);
        let upload = front.by_ticket(&ticket).start("team/app").await;
        super::challenge(&front.by_ticket(&aged(&ticket, 4_000)).get(&upload).await);
        // Nor for somebody else's upload.
        let other = front.by(&front.gateway.token("admin").await).start("team/app").await;
        refused(late.get(&other).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_metrics_of_the_registry_behind_stand_among_ours() {
    let Some(front) = Front::before_distribution("").await else { return };
    front.admin().await.push_image("team/app", "v1", "measured").await;
    let mut page = String::new();
    for _ in 0..200 {
        page = reqwest::get(front.gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
        if page.contains("driver=\"filesystem\"") && page.contains("# TYPE registry_storage_action_seconds") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let types: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE registry_storage_")).collect();
    assert!(!types.is_empty(), "{page}");
    let mut once = types.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), types.len(), "a family stands twice: {types:?}");
    assert!(page.contains("registry_http_requests_total{handler=\"manifest\""), "our own are there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_hold_for_everybody_and_are_on_record() {
    let images = tempfile::tempdir().unwrap();
    let gateway = TestGateway::with([
        ("REGISTRY_STORAGE", "dir"),
        ("REGISTRY_DIR", images.path().to_str().unwrap()),
        ("REGISTRY_IMMUTABLE_TAGS", "team/**:v*"),
        ("REGISTRY_QUOTAS", "tiny=1KiB"),
    ])
    .await;
    let token = gateway.token("admin").await;
    let admin = Target::new(&gateway.url(""), move |request| request.basic_auth("any", Some(&token)));
    admin.push_image("team/app", "v1", "first").await;
    let (other, _) = admin.push_image("team/app", "latest", "other").await;
    let said = refused(admin.put_manifest("team/app", "v1", OCI_MANIFEST, &other).await, 403, "DENIED").await;
    assert!(said.to_string().contains("immutable"), "{said}");
    let upload = admin.start("tiny/app").await;
    let put = admin.request("PUT", &with_digest(&upload, &digest(&[0; 2_000]))).body(vec![0; 2_000]);
    let said = refused(put.send().await.unwrap(), 403, "DENIED").await;
    assert!(said.to_string().contains("of 1.0 KiB"), "{said}");
    for word in ["immutable", "of 1.0 KiB"] {
        let record = gateway.lines.wait_for(|record| {
            record["reason"].as_str().is_some_and(|reason| reason.contains(word))
                && record["rbac_decision"] == "deny"
        });
        assert_eq!(record.await["http_status"], 403, "{word}");
    }
}

/// The registry behind is down: the gateway says so, and is alive itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_behind_that_is_gone() {
    let Some(mut front) = Front::before_distribution("").await else { return };
    let admin = front.admin().await;
    admin.push_image("team/app", "v1", "there").await;
    assert_eq!(front_health(&front).await, 200);
    drop(front.behind.take());
    tokio::time::sleep(Duration::from_millis(300)).await;
    refused(admin.get("/v2/team/app/manifests/v1").await, 503, "UNAVAILABLE").await;
    refused(admin.get("/v2/_catalog").await, 503, "UNAVAILABLE").await;
    assert_eq!(front_health(&front).await, 503);
}

async fn front_health(front: &Front) -> u16 {
    reqwest::get(front.gateway.url("/health")).await.unwrap().status().as_u16()
}

/// An operator stops changes while the registry behind collects garbage, and lets them in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_stopped_and_let_in_again_while_the_gateway_runs() {
    for front in Front::of_each_kind("").await {
        let admin = front.admin().await;
        admin.push_image("team/app", "v1", "before").await;
        let switch = async |on: bool| {
            let key = settings::key("registry_read_only").unwrap();
            let now = front.gateway.clock.now();
            change::settings::put(&front.gateway.db, &Actor::Operator, now, key, &on.into()).await.unwrap();
        };
        let until = async |wanted: u16| {
            for _ in 0..1_000 {
                let answer = admin.send("POST", "/v2/team/app/blobs/uploads/").await;
                if answer.status() == wanted {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("never answered {wanted}");
        };
        switch(true).await;
        let said = refused(until(405).await, 405, "UNSUPPORTED").await.to_string();
        assert!(said.contains("read-only: the operator has stopped changes"), "{said}");
        assert_eq!(admin.get("/v2/team/app/manifests/v1").await.status(), 200);
        switch(false).await;
        until(202).await;
    }
}
