//! An instance dies under load.

use super::{call, gateway, register, server::Server};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_dies_under_200_requests_a_second_and_no_get_fails() {
    let gateway = Arc::new(gateway().await);
    let admin = gateway.token("admin").await;
    let mut servers = Vec::new();
    for name in ["one", "two", "three"] {
        let server = Server::start(name).await;
        register(&gateway, &admin, "web", server.at).await;
        servers.push(server);
    }
    let (sent, failed, over) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let load = tokio::spawn({
        let (gateway, admin, sent, failed, over) =
            (gateway.clone(), admin.clone(), sent.clone(), failed.clone(), over.clone());
        async move {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            let mut calls = tokio::task::JoinSet::new();
            while !over.load(SeqCst) {
                tick.tick().await;
                let call = call(&gateway, &admin, "GET /web/x").send();
                let (sent, failed) = (sent.clone(), failed.clone());
                calls.spawn(async move {
                    let answer = call.await.map(|answer| answer.status().as_u16());
                    sent.fetch_add(1, SeqCst);
                    if answer.as_ref().ok() != Some(&200) {
                        eprintln!("{answer:?}");
                        failed.fetch_add(1, SeqCst);
                    }
                });
            }
            calls.join_all().await;
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(servers.iter().all(|server| server.hits() > 0), "all three are called");
    servers.remove(0).kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    over.store(true, SeqCst);
    load.await.unwrap();
    assert!(sent.load(SeqCst) > 200, "{} calls", sent.load(SeqCst));
    assert_eq!(failed.load(SeqCst), 0, "of {}", sent.load(SeqCst));

    let metrics = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    let count = |line: &str| {
        let found = metrics.lines().find_map(|found| found.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line}")).trim().parse::<f64>().unwrap()
    };
    assert!(count("proxy_upstream_retries_total{slug=\"web\"}") >= 1.0);
    assert!(count("proxy_upstream_ejections_total{slug=\"web\"}") >= 1.0);
    let answered = count("proxy_upstream_requests_total{slug=\"web\",code=\"200\"}");
    assert!(answered >= sent.load(SeqCst) as f64, "{answered}");
}

#[tokio::test]
async fn what_registers_is_called_at_once_and_what_leaves_is_not() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let status =
        async |request: &str| call(&gateway, &admin, request).send().await.unwrap().status().as_u16();
    assert_eq!(status("GET /web/").await, 404);
    let server = Server::start("one").await;
    let id = register(&gateway, &admin, "web", server.at).await;
    assert_eq!(status("GET /web/").await, 200, "at the first call");

    let drain = gateway.own(&admin, &format!("PUT /registry-svc/instance/{id}/drain"));
    assert!(
        drain.json(&serde_json::json!({ "reason": "upgrade" })).send().await.unwrap().status().is_success()
    );
    let none = call(&gateway, &admin, "GET /web/").send().await.unwrap();
    assert_eq!((none.status().as_u16(), none.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert!(none.text().await.unwrap().contains("no instance of the service takes calls now"));

    let gone = gateway.own(&admin, &format!("DELETE /registry-svc/instance/{id}")).send().await.unwrap();
    assert!(gone.status().is_success());
    assert_eq!(status("GET /web/").await, 404);
    // Again, elsewhere and under the same id.
    let server = Server::start("two").await;
    register(&gateway, &admin, "web", server.at).await;
    let said: serde_json::Value =
        call(&gateway, &admin, "GET /web/").send().await.unwrap().json().await.unwrap();
    assert_eq!(said["name"], "two");
}

#[tokio::test]
async fn the_only_instance_that_cannot_be_reached_is_a_502_and_one_that_hangs_a_504() {
    let gateway = crate::support::gateway::TestGateway::with([
        ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"),
        ("SERVICE_TIMEOUTS", "web/response=300ms"),
    ])
    .await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let hung =
        call(&gateway, &admin, "GET /web/hang").header("accept", "application/json").send().await.unwrap();
    assert_eq!(hung.status().as_u16(), 504);
    let document: serde_json::Value = hung.json().await.unwrap();
    assert_eq!((&document["code"], document["request_id"].is_string()), (&"service_timeout".into(), true));
    let at = server.kill().await;
    let broken = call(&gateway, &admin, "POST /web/x").send().await.unwrap();
    assert_eq!(broken.status().as_u16(), 502);
    let said = broken.text().await.unwrap();
    assert!(!said.contains(&at.port().to_string()), "nothing of the inside is told: {said}");
}
