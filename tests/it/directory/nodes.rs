//! Machines.

use super::{call, gateway};
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
