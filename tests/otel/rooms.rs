//! Services, the container registry, one behind the gateway, and the artifact registry.

use crate::{
    PARENT, TRACE,
    collector::{Collector, Tree},
    id_of,
    server::{Server, header},
    support::{
        artifact_server::{ArtifactServer, TOKEN},
        fake_rack::FakeRack,
        gateway::TestGateway,
    },
    traced,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::time::sleep;

const KEY: &str = "3q2+796tvu/erb7v3q2+796tvu8=3q2+796tvu8=";

async fn register(gateway: &TestGateway, token: &str, slug: &str, at: SocketAddr) {
    let body = json!({
        "slug": slug, "url": format!("http://{at}"), "status": "Healthy", "check": { "type": "none" }
    });
    let answer = gateway.own(token, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn a_service_is_asked_as_a_part_of_the_callers_trace() {
    let (collector, server) = (Collector::start().await, Server::start("web").await);
    let gateway = traced(&collector, &[]).await;
    let admin = gateway.token("admin").await;
    register(&gateway, &admin, "web", server.at).await;
    let call = gateway.own(&admin, "POST /svc/web/a?q=1").header("traceparent", PARENT).body("x");
    let answer = call.header("tracestate", "a=1").send().await.unwrap();
    let id = id_of(&answer);
    let said: Value = answer.json().await.unwrap();
    let tree = collector.tree(&id).await;
    assert_eq!((tree.root.name.as_str(), tree.root.trace.as_str()), ("POST /svc/{slug}/", TRACE));
    let expected =
        ["open audit", "classify", "authenticate", "authorize", "record intent", "send", "respond"];
    assert_eq!(tree.steps(), expected);
    let [asked] = &tree.asked_in("send")[..] else { panic!("one question: {:#?}", tree.all) };
    assert_eq!(
        (asked.says("peer.service"), asked.says("server.port")),
        ("web", &*server.at.port().to_string())
    );
    assert_eq!(header(&said, "traceparent"), Some(asked.as_parent().as_str()));
    assert_eq!(header(&said, "tracestate"), Some("a=1"));
}

#[tokio::test]
async fn a_second_try_is_a_question_of_its_own() {
    let (collector, server) = (Collector::start().await, Server::start("web").await);
    let gateway = traced(&collector, &[]).await;
    let admin = gateway.token("admin").await;
    let gone = Server::start("gone").await.kill().await;
    register(&gateway, &admin, "web", server.at).await;
    register(&gateway, &admin, "web", gone).await;
    for _ in 0..30 {
        let answer = gateway.own(&admin, "GET /svc/web/").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let id = id_of(&answer);
        drop(answer.bytes().await.unwrap());
        let tree = collector.tree(&id).await;
        if let [first, second] = &tree.asked_in("send")[..] {
            assert_eq!((first.says("error.type"), first.is_error), ("service_unreachable", true));
            assert_eq!(second.says("http.response.status_code"), "200");
            return;
        }
    }
    panic!("the instance that is gone was never tried");
}

#[tokio::test]
async fn a_stream_lasts_until_its_last_byte() {
    let (collector, server) = (Collector::start().await, Server::start("web").await);
    let gateway = traced(&collector, &[]).await;
    let admin = gateway.token("admin").await;
    register(&gateway, &admin, "web", server.at).await;
    let answer = gateway.own(&admin, "GET /svc/web/events").send().await.unwrap();
    let id = id_of(&answer);
    let mut stream = answer.bytes_stream();
    while let Some(event) = stream.next().await {
        event.unwrap();
    }
    let tree = collector.tree(&id).await;
    let long = Duration::from_millis(900);
    assert!(tree.root.took > long && tree.only("respond").took > long, "{:#?}", tree.all);
    assert!(tree.asked_in("send")[0].took < long, "the head was there at once");
}

#[tokio::test]
async fn a_request_that_is_given_up_says_so() {
    let (collector, server) = (Collector::start().await, Server::start("web").await);
    let gateway = traced(&collector, &[]).await;
    let admin = gateway.token("admin").await;
    register(&gateway, &admin, "web", server.at).await;
    let call = gateway.own(&admin, "GET /svc/web/hang").header("traceparent", PARENT);
    let given_up = tokio::time::timeout(Duration::from_millis(300), call.send()).await;
    assert!(given_up.is_err());
    for _ in 0..500 {
        let all: Vec<_> = collector.spans().into_iter().filter(|span| span.trace == TRACE).collect();
        let cancelled = all
            .iter()
            .filter(|span| span.attributes.get("error.type").is_some_and(|kind| kind == "cancelled"));
        if cancelled.count() == 2 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("not both of the request and the question: {:#?}", collector.spans());
}

async fn pushed(collector: &Collector, gateway: &TestGateway, token: &str) -> Tree {
    let push = gateway.own(token, "POST /v2/team/app/blobs/uploads/").header("traceparent", PARENT);
    let answer = push.header("content-length", "0").send().await.unwrap();
    assert_eq!(answer.status(), 202);
    collector.tree(&id_of(&answer)).await
}

#[tokio::test]
async fn images_in_a_directory() {
    let (collector, images) = (Collector::start().await, tempfile::tempdir().unwrap());
    let variables = [
        ("REGISTRY_STORAGE", "dir"),
        ("REGISTRY_DIR", images.path().to_str().unwrap()),
        ("APP_SECRET_KEY", KEY),
    ];
    let gateway = traced(&collector, &variables).await;
    let admin = gateway.token("admin").await;
    let tree = pushed(&collector, &gateway, &admin).await;
    assert_eq!(tree.root.trace, TRACE);
    assert!(tree.root.name.starts_with("POST /v2/{"), "{}", tree.root.name);
    let steps = tree.steps();
    for step in ["classify", "open audit", "authenticate", "authorize", "prepare", "send", "respond"] {
        assert!(steps.iter().any(|known| known == step), "{step} in {steps:?}");
    }
}

#[tokio::test]
async fn images_in_a_registry_behind() {
    let collector = Collector::start().await;
    let listed = "{\"name\":\"team/app\",\"tags\":[\"v1\"]}";
    let behind = FakeRack::choosing(vec![
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{listed}",
            listed.len()
        )
        .into_bytes(),
    ])
    .await;
    let url = behind.url();
    let variables =
        [("REGISTRY_STORAGE", "proxy"), ("REGISTRY_UPSTREAM_URL", url.as_str()), ("APP_SECRET_KEY", KEY)];
    let gateway = traced(&collector, &variables).await;
    let admin = gateway.token("admin").await;
    let call = gateway.own(&admin, "GET /v2/team/app/tags/list").header("traceparent", PARENT);
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tree = collector.tree(&id_of(&answer)).await;
    let asked = tree.asked_in("send");
    assert!(!asked.is_empty() && asked[0].says("peer.service") == "registry", "{:#?}", tree.all);
    let seen = behind.seen();
    let told = seen.iter().filter_map(|(head, _)| head.header("traceparent"));
    let told: Vec<_> = told.filter(|told| told.contains(TRACE)).collect();
    assert_eq!(told, asked.iter().map(|span| span.as_parent()).collect::<Vec<_>>());
    assert!(seen.iter().all(|(head, _)| head.header("traceparent") != Some(PARENT)));
}

#[tokio::test]
async fn artifacts() {
    let (collector, server) = (Collector::start().await, ArtifactServer::start(&["@team"]).await);
    server.put("@team/quality/husky", "1.0.0", &[("registry.json", b"{}".as_slice())]);
    let url = server.url();
    let gateway = traced(&collector, &[("ARTIFACT_URL", url.as_str()), ("ARTIFACT_TOKEN", TOKEN)]).await;
    let admin = gateway.token("admin").await;
    let call = gateway.own(&admin, "GET /api/v1/artifact-proxy/namespaces").header("traceparent", PARENT);
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tree = collector.tree(&id_of(&answer)).await;
    let steps = tree.steps();
    assert_eq!(steps, ["classify", "open audit", "authenticate", "send", "respond"]);
    let [asked] = &tree.asked_in("send")[..] else { panic!("one question: {:#?}", tree.all) };
    assert_eq!(asked.says("peer.service"), "artifact registry");
    let sent = server.seen().pop().unwrap();
    assert_eq!(sent.headers["traceparent"], asked.as_parent());
}
