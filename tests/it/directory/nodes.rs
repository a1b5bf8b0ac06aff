//! Machines.

use super::{call, gateway, watcher::Watcher};
use serde_json::{Value, json};

#[tokio::test]
async fn the_gateway_is_a_node_with_real_figures() {
    let gateway = gateway().await;
    let token = gateway.token("viewer").await;
    let (status, document) = call(&gateway, &token, "GET /registry-svc/node/self", Value::Null).await;
    let own = &document["node"];
    assert_eq!((status.as_u16(), &own["status"], &own["kind"]), (200, &"Alive".into(), &"gateway".into()));
    assert!(own["cpu"]["cores"].as_u64().unwrap() > 0 && own["uptime"].as_u64().unwrap() > 0, "{own}");
    assert!(own["usage"]["memory"]["used"].as_u64().unwrap() > 0);
    assert!(own["hostname"].is_string() && own["os"].is_string() && own["arch"].is_string());
    assert!(!own["processes"].as_array().unwrap().is_empty());
    for request in ["GET /registry-svc/nodes", "POST /registry-svc/nodes"] {
        let (status, document) = call(&gateway, &token, request, Value::Null).await;
        assert_eq!((status.as_u16(), &document["nodes"][0]["id"]), (200, &own["id"]), "{request}");
    }
    let some = json!({ "ids": ["node_other"] });
    let (_, document) = call(&gateway, &token, "POST /registry-svc/nodes", some).await;
    assert_eq!(document["nodes"], json!([]));
}

#[tokio::test]
async fn other_machines_register_themselves() {
    let gateway = gateway().await;
    let (ada, eve) = (gateway.token("deployer").await, gateway.token("deployer").await);
    let body =
        json!({ "url": "http://worker-1", "figures": { "hostname": "worker-1", "cpu": { "cores": 4 } } });
    let (status, document) = call(&gateway, &ada, "PUT /registry-svc/node", body.clone()).await;
    let node = &document["node"];
    assert_eq!((status.as_u16(), &node["url"]), (201, &"http://worker-1:11337".into()), "{document}");
    assert_eq!((&node["kind"], &node["hostname"]), (&"agent".into(), &"worker-1".into()));
    let (status, again) = call(&gateway, &ada, "PUT /registry-svc/node", body.clone()).await;
    assert_eq!((status.as_u16(), &again["node"]["id"]), (200, &node["id"]), "a heartbeat");
    assert_eq!(call(&gateway, &eve, "PUT /registry-svc/node", body).await.0, 403, "not by somebody else");
    let theft = json!({ "url": "http://evil", "id": node["id"] });
    assert_eq!(call(&gateway, &eve, "PUT /registry-svc/node", theft).await.0, 403);
    let own = call(&gateway, &ada, "GET /registry-svc/node/self", Value::Null).await.1["node"].clone();
    let taken = json!({ "url": own["url"] });
    assert_eq!(call(&gateway, &eve, "PUT /registry-svc/node", taken).await.0, 403, "nor the gateway's own");

    let path = "DELETE /registry-svc/node/http%3A%2F%2Fworker-1%3A11337";
    assert_eq!(call(&gateway, &eve, path, Value::Null).await.0, 403);
    assert_eq!(call(&gateway, &ada, path, Value::Null).await.0, 204);
    assert_eq!(call(&gateway, &ada, path, Value::Null).await.0, 404);
    let bad = json!({ "url": "worker-1" });
    let (status, document) = call(&gateway, &ada, "PUT /registry-svc/node", bad).await;
    assert_eq!((status.as_u16(), &document["field"]), (400, &"url".into()));
}

#[tokio::test]
async fn what_happens_to_machines_is_told_to_those_who_ask() {
    let gateway = gateway().await;
    let ada = gateway.token("deployer").await;
    let mut watcher = Watcher::open(&gateway, &ada, "?nodes=true").await;
    let mut others = Watcher::open(&gateway, &ada, "").await;
    let body = |hostname: &str| json!({ "url": "http://worker-1", "figures": { "hostname": hostname } });
    let is = |kind: &'static str| {
        move |told: &str, data: &Value| told == kind && data["node"]["url"] == "http://worker-1:11337"
    };
    assert_eq!(call(&gateway, &ada, "PUT /registry-svc/node", body("worker-1")).await.0, 201);
    let told = watcher.wait_for(is("node-registered")).await;
    assert_eq!((&told["type"], &told["node"]["status"]), (&"node-registered".into(), &"Alive".into()));
    assert_eq!(call(&gateway, &ada, "PUT /registry-svc/node", body("renamed")).await.0, 200);
    assert_eq!(watcher.wait_for(is("node-updated")).await["node"]["hostname"], "renamed");
    let path = "DELETE /registry-svc/node/http%3A%2F%2Fworker-1%3A11337";
    assert_eq!(call(&gateway, &ada, path, Value::Null).await.0, 204);
    watcher.wait_for(is("node-removed")).await;
    let body = json!({ "slug": "web", "url": "http://10.0.0.1", "check": { "type": "none" } });
    assert_eq!(call(&gateway, &ada, "PUT /registry-svc/instance", body).await.0, 201);
    watcher.wait_for(|kind, _| kind == "registered").await;
    others.wait_for(|kind, _| kind == "registered").await;
    assert_eq!(others.drain().len(), 1, "nobody is told of nodes who did not ask");

    let narrow = gateway.token_on("deployer", "service:web").await;
    let (status, _) = call(&gateway, &narrow, "GET /registry-svc/watch?nodes=true", Value::Null).await;
    assert_eq!(status, 403);
    let (status, document) = call(&gateway, &ada, "GET /registry-svc/watch?nodes=yes", Value::Null).await;
    assert_eq!((status.as_u16(), &document["field"]), (400, &"nodes".into()));
}
