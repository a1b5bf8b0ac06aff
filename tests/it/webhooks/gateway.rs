//! A whole gateway: a push becomes an event, also when the process is killed before it could be told.

use super::receiver::{Mood, Receiver, SECRET};
use crate::{
    registry::target::Target,
    support::{gateway::TestGateway, process::Process},
};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_and_deletions_are_told_as_distribution_tells_them() {
    let (receiver, images) = (Receiver::start(Mood::Good).await, tempfile::tempdir().unwrap());
    let gateway = TestGateway::with([
        ("REGISTRY_STORAGE", "dir"),
        ("REGISTRY_DIR", images.path().to_str().unwrap()),
        ("WEBHOOK_URL", receiver.url().as_str()),
        ("WEBHOOK_SECRET", SECRET),
        ("WEBHOOK_REPOSITORIES", "team/**"),
        ("PUBLIC_URL", "http://localhost:8443"),
    ])
    .await;
    let token = gateway.token("admin").await;
    let password = token.clone();
    let admin = Target::new(&gateway.url(""), move |request| request.basic_auth("any", Some(&password)));
    admin.push_image("other/app", "v1", "nobody hears of it").await;
    let (document, digest) = admin.push_image("team/app", "v1", "first").await;
    let taken = receiver.until_taken(1).await;
    let event = &taken[0].event["events"][0];
    let target = &event["target"];
    assert_eq!((event["action"].as_str(), target["repository"].as_str()), (Some("push"), Some("team/app")));
    assert_eq!((target["tag"].as_str(), target["digest"].as_str()), (Some("v1"), Some(digest.as_str())));
    assert_eq!(target["size"], document.to_string().len());
    assert_eq!(target["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(target["url"], format!("http://localhost:8443/v2/team/app/manifests/{digest}"));
    assert_eq!(
        (event["request"]["method"].as_str(), event["source"]["addr"].as_str()),
        (Some("PUT"), Some("localhost"))
    );

    // The event, the record of the push, and the record of the upload are joined by their request ids.
    let is_push = |record: &serde_json::Value| {
        record["action"] == "repository.push" && record["resource"] == "team/app"
    };
    let pushed = gateway.lines.wait_for(is_push).await;
    assert_eq!(pushed["request_id"], event["request"]["id"]);
    assert_eq!(pushed["user_email"], event["actor"]["name"]);
    let uploads = pushed["uploads"].as_str().unwrap();
    let config = document["config"]["digest"].as_str().unwrap();
    let brought = |record: &serde_json::Value| {
        record["action"] == "blob.push"
            && record["resource"] == "team/app"
            && record["command"].as_str().is_some_and(|command| command.contains(config))
    };
    let brought = gateway.lines.wait_for(brought).await;
    let joined = format!("{config}={}", brought["request_id"].as_str().unwrap());
    assert!(uploads.split(' ').any(|upload| upload == joined), "{joined} in {uploads}");

    // A push that is refused is not told.
    let bad = admin.send("PUT", "/v2/team/app/manifests/v2").await;
    assert!(bad.status().is_client_error());
    assert_eq!(admin.send("DELETE", &format!("/v2/team/app/manifests/{digest}")).await.status(), 202);
    let taken = receiver.until_taken(2).await;
    assert_eq!(taken.len(), 2);
    let event = &taken[1].event["events"][0];
    assert_eq!(
        (event["action"].as_str(), event["target"]["digest"].as_str()),
        (Some("delete"), Some(digest.as_str()))
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_had_to_tell_the_next_one_tells() {
    let (receiver, images) = (Receiver::start(Mood::Failing).await, tempfile::tempdir().unwrap());
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let url = receiver.url();
    let variables = [
        ("REGISTRY_STORAGE", "dir"),
        ("REGISTRY_DIR", images.path().to_str().unwrap()),
        ("WEBHOOK_URL", url.as_str()),
        ("WEBHOOK_SECRET", SECRET),
    ];
    let mut process = Process::start(&rack.url(), &variables).await;
    let token = process.person("admin").await.token;
    let base = format!("http://{}", process.address);
    let admin = Target::new(&base, move |request| request.basic_auth("any", Some(&token)));
    admin.push_image("team/app", "v1", "first").await;
    // Killed before its try is noted, it would hold the delivery until its lease ends.
    while process.metric("gateway_webhook_deliveries_total{webhook=\"default\",outcome=\"put_off\"}").await
        < 1.0
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.kill_and_start_again(&rack.url(), &variables).await;
    receiver.is(Mood::Good);
    let taken = receiver.until_taken(1).await;
    assert_eq!(taken[0].event["events"][0]["target"]["repository"], "team/app");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(receiver.taken().len(), 1);
    assert!(
        process.metric("gateway_webhook_deliveries_total{webhook=\"default\",outcome=\"sent\"}").await >= 1.0
    );
    assert!(!process.log.text().contains(SECRET));
}
