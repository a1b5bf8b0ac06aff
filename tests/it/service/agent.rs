//! `agent`: a machine and its services register, stay, come back, and leave.

use super::{call, commands::Shell, gateway, server::Server};
use crate::support::gateway::TestGateway;
use serde_json::Value;
use std::time::Duration;
use tokio::{io::AsyncReadExt as _, process::Child};

async fn instances(gateway: &TestGateway, token: &str) -> Vec<Value> {
    let answer = gateway.own(token, "GET /registry-svc/instances").send().await.unwrap();
    answer.json::<Value>().await.unwrap()["instances"].as_array().unwrap().clone()
}

/// Waits until the gateway knows so many instances.
async fn until(gateway: &TestGateway, token: &str, count: usize) -> Vec<Value> {
    for _ in 0..300 {
        let list = instances(gateway, token).await;
        if list.len() == count {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are not {count} instances, but {:?}", instances(gateway, token).await);
}

async fn terminate(mut child: Child) -> (i32, String) {
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &child.id().unwrap().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect("an end").unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
    (status.code().unwrap(), text)
}

#[tokio::test]
async fn a_machine_registers_comes_back_and_leaves() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let (web, billing) = (Server::start("web").await, Server::start("billing").await);
    let file = shell.home.path().join("token");
    std::fs::write(&file, format!("{admin}\n")).unwrap();
    let services = [format!("web=http://{}", web.at), format!("billing=http://{}", billing.at)];
    let url = gateway.url("");
    let words = [
        "agent",
        "--gateway",
        &url,
        "--token-file",
        file.to_str().unwrap(),
        "--service",
        &services[0],
        "--service",
        &services[1],
        "--node-url",
        "http://worker-1",
        "--ttl",
        "5",
    ];
    let child = shell.command(&words).spawn().unwrap();
    let list = until(&gateway, &admin, 2).await;
    assert!(list.iter().all(|one| one["nodeUrl"] == "http://worker-1" && one["ttl"] == 5), "{list:?}");
    let said: Value = call(&gateway, &admin, "GET /web/x").send().await.unwrap().json().await.unwrap();
    assert_eq!(said["name"], "web");
    let nodes: Value =
        gateway.own(&admin, "GET /registry-svc/nodes").send().await.unwrap().json().await.unwrap();
    let node = nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["url"] == "http://worker-1:11337")
        .unwrap();
    assert!(node["cpu"]["cores"].as_u64().unwrap() > 0, "{node}");

    // Forgotten by the gateway, it registers again with the next heartbeat.
    let id = list[0]["id"].as_str().unwrap();
    let gone = gateway.own(&admin, &format!("DELETE /registry-svc/instance/{id}")).send().await.unwrap();
    assert!(gone.status().is_success());
    until(&gateway, &admin, 2).await;
    // It outlives its lease because it beats.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(instances(&gateway, &admin).await.iter().all(|one| one["status"] == "Healthy"));

    let (code, text) = terminate(child).await;
    assert_eq!((code, text.contains("took")), (0, true), "{text}");
    assert!(instances(&gateway, &admin).await.is_empty());
    let nodes: Value =
        gateway.own(&admin, "GET /registry-svc/nodes").send().await.unwrap().json().await.unwrap();
    assert!(!nodes.to_string().contains("worker-1"));
}

#[tokio::test]
async fn what_can_never_work_ends_at_once_with_the_gateways_words() {
    let gateway = gateway().await;
    let viewer = gateway.token("viewer").await;
    let shell = Shell::new(&gateway, &viewer);
    let refused = shell.run(&["agent", "--service", "web=http://127.0.0.1:1"]).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("registry-svc:node:edit"), "{}", refused.stderr);
    let deployer = gateway.token("deployer").await;
    let shell = Shell::new(&gateway, &deployer);
    let refused = shell.run(&["agent", "--service", "web=http://169.254.169.254/latest"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("not allowed"), "{}", refused.stderr);
    for words in [
        &["agent", "--service", "web"][..],
        &["agent", "--ttl", "1"],
        &["agent", "--gateway", "http://gateway.example.com"],
    ] {
        assert_eq!(shell.run(words).await.code, 2, "{words:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_away_is_waited_for() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let child = shell.command(&["agent", "--gateway", &url, "--node-url", "http://w"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (code, text) = terminate(child).await;
    assert_eq!(code, 0, "nothing was registered, so nothing is left behind: {text}");
}
