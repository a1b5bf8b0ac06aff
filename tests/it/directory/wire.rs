//! Registering, reading, changing and removing.

use super::{call, gateway, register, registered, show};
use serde_json::{Value, json};

#[tokio::test]
async fn an_instance_is_registered_changed_and_removed() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let body = json!({
        "id": "inst_myservice_001", "url": "HTTP://10.0.0.1:8080/", "slug": "my-service", "status": "Healthy",
    });
    let (status, document) = register(&gateway, &token, body.clone()).await;
    let made = &document["instance"];
    assert_eq!(status, 201, "{document}");
    assert_eq!((&made["id"], &made["url"]), (&"inst_myservice_001".into(), &"http://10.0.0.1:8080".into()));
    assert_eq!((&made["status"], &made["ip"]), (&"Healthy".into(), &"10.0.0.1".into()));
    assert_eq!((&made["scheme"], &made["port"], &made["path"]), (&"http".into(), &8080.into(), &"".into()));

    let (status, document) = register(&gateway, &token, body).await;
    assert_eq!((status.as_u16(), &document["instance"]["revision"]), (200, &made["revision"]), "nothing new");
    let (status, document) =
        register(&gateway, &token, json!({ "id": "inst_myservice_001", "weight": 7 })).await;
    assert_eq!((status.as_u16(), &document["instance"]["weight"]), (200, &7.into()));
    assert!(document["instance"]["revision"].as_u64() > made["revision"].as_u64());

    let (status, shown) = show(&gateway, &token, "inst_myservice_001").await;
    assert_eq!((status.as_u16(), &shown["slug"]), (200, &"my-service".into()));
    let path = "/registry-svc/instance/inst_myservice_001";
    assert_eq!(call(&gateway, &token, &format!("DELETE {path}"), Value::Null).await.0, 204);
    assert_eq!(call(&gateway, &token, &format!("DELETE {path}"), Value::Null).await.0, 404);
    assert_eq!(show(&gateway, &token, "inst_myservice_001").await.0, 404);
}

#[tokio::test]
async fn parts_are_as_good_as_a_url() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let by_url = registered(&gateway, &token, "web", "http://10.0.0.1:8080/api").await;
    let parts = json!({ "slug": "web", "scheme": "http", "ip": "10.0.0.1", "port": 8080, "path": "/api/" });
    let (status, document) = register(&gateway, &token, parts).await;
    assert_eq!((status.as_u16(), &document["instance"]["id"]), (200, &by_url["id"]), "it is the same one");
    let conflict = json!({ "slug": "web", "url": "http://10.0.0.1:8080", "port": 8081 });
    let (status, document) = register(&gateway, &token, conflict).await;
    assert_eq!((status.as_u16(), &document["field"]), (400, &"port".into()));
}

#[tokio::test]
async fn mistakes_are_named() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    for (body, field) in [
        (json!({ "url": "http://10.0.0.1" }), "slug"),
        (json!({ "slug": "web" }), "url"),
        (json!({ "slug": "Web", "url": "http://10.0.0.1" }), "slug"),
        (json!({ "slug": "registry-svc", "url": "http://10.0.0.1" }), "slug"),
        (json!({ "slug": "web", "url": "10.0.0.1:80" }), "url"),
        (json!({ "slug": "web", "url": "http://10.0.0.1", "status": "Fine" }), "status"),
        (json!({ "slug": "web", "url": "http://10.0.0.1", "tags": vec!["x"; 33] }), "tags"),
        (json!({ "slug": "web", "url": "http://10.0.0.1", "details": "x".repeat(1_001) }), "details"),
        (json!({ "slug": "web", "url": "http://10.0.0.1", "check": { "type": "ttl" } }), "ttl"),
        (json!({ "slug": "web", "url": "http://10.0.0.1", "secret": "hunter2" }), "secret"),
    ] {
        let (status, document) = register(&gateway, &token, body.clone()).await;
        assert_eq!((status.as_u16(), &document["field"]), (400, &field.into()), "{body}: {document}");
        assert!(document["request_id"].is_string() && !document.to_string().contains("hunter2"));
    }
    let long = json!({ "slug": "web", "details": "x".repeat(2 << 20) });
    assert_eq!(register(&gateway, &token, long).await.0, 413);
    let answer = gateway.own(&token, "PUT /registry-svc/instance").body("{").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    for query in ["limit=0", "limit=1001", "index=x", "wait=301", "status=Fine", "colour=red"] {
        let (status, document) =
            call(&gateway, &token, &format!("GET /registry-svc/instances?{query}"), Value::Null).await;
        let field = query.split('=').next().unwrap();
        assert_eq!((status.as_u16(), &document["field"]), (400, &field.into()), "{query}");
    }
}

#[tokio::test]
async fn an_etag_guards_against_lost_changes() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let id = registered(&gateway, &token, "web", "http://10.0.0.1").await["id"].as_str().unwrap().to_owned();
    let path = format!("/registry-svc/instance/{id}");
    let answer = gateway.own(&token, &format!("GET {path}")).send().await.unwrap();
    let tag = answer.headers()["etag"].clone();
    assert!(answer.headers().contains_key("x-registry-index"));
    let known = gateway.own(&token, &format!("GET {path}")).header("if-none-match", &tag);
    assert_eq!(known.send().await.unwrap().status(), 304);
    let change = |weight: u16| {
        let body = json!({ "id": id, "weight": weight });
        gateway.own(&token, "PUT /registry-svc/instance").header("if-match", &tag).json(&body)
    };
    assert_eq!(change(1).send().await.unwrap().status(), 200);
    let late = change(2).send().await.unwrap();
    assert_eq!(late.status(), 412);
    assert_eq!(late.json::<Value>().await.unwrap()["code"], "revision_changed");
    let gone = gateway.own(&token, &format!("DELETE {path}")).header("if-match", &tag).send().await.unwrap();
    assert_eq!(gone.status(), 412);
    assert_eq!(show(&gateway, &token, &id).await.1["weight"], 1);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    for index in 1..=5 {
        let body = json!({
            "id": format!("inst_{index}"), "slug": if index == 5 { "billing" } else { "web" },
            "url": format!("http://10.0.0.{index}:8080"), "check": { "type": "none" },
            "tags": if index == 1 { "first" } else { "other" },
        });
        assert_eq!(register(&gateway, &token, body).await.0, 201);
    }
    let list = async |query: &str| {
        let request = format!("GET /registry-svc/instances?{query}");
        let (status, document) = call(&gateway, &token, &request, Value::Null).await;
        assert_eq!(status, 200, "{document}");
        let ids: Vec<_> =
            document["instances"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        (ids, document["nextCursor"].clone())
    };
    assert_eq!(list("").await.0.len(), 5);
    assert_eq!(list("slug=billing").await.0, ["inst_5"]);
    assert_eq!(list("slug=web&tag=first").await.0, ["inst_1"]);
    assert_eq!(list("ip=10.0.0.2").await.0, ["inst_2"]);
    assert_eq!(list("status=healthy").await.0.len(), 5);
    assert!(list("id=inst_9").await.0.is_empty());
    let (first, cursor) = list("limit=2").await;
    assert_eq!((first, &cursor), (vec!["inst_1".into(), "inst_2".into()], &"inst_2".into()));
    let (second, cursor) = list("limit=2&cursor=inst_2").await;
    assert_eq!((second, &cursor), (vec!["inst_3".into(), "inst_4".into()], &"inst_4".into()));
    assert_eq!(list("limit=2&cursor=inst_4").await, (vec!["inst_5".into()], Value::Null));
}

#[tokio::test]
async fn changes_are_recorded_and_heartbeats_that_change_nothing_are_not() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let id = registered(&gateway, &token, "web", "http://10.0.0.1").await["id"].as_str().unwrap().to_owned();
    let of = |action: &'static str, event: &'static str| {
        let id = id.clone();
        move |record: &Value| {
            record["action"] == action && record["event"] == event && record["resource"] == *id
        }
    };
    let made = gateway.lines.wait_for(of("instance.register", "outcome")).await;
    assert_eq!(made["resource_type"], "instance");
    let intents = gateway.lines.records();
    assert!(
        intents.iter().any(|record| record["action"] == "instance.register" && record["event"] == "outcome")
    );
    let beat = format!("PUT /registry-svc/instance/{id}/heartbeat");
    for _ in 0..3 {
        assert_eq!(call(&gateway, &token, &beat, json!({})).await.0, 200);
    }
    let said = json!({ "status": "Degraded", "details": "queue is long" });
    assert_eq!(call(&gateway, &token, &beat, said).await.0, 200);
    let changed = gateway.lines.wait_for(of("instance.heartbeat", "outcome")).await;
    assert!(changed["changes"].to_string().contains("queue is long"), "{changed}");
    let beats = gateway.lines.records().into_iter().filter(of("instance.heartbeat", "outcome")).count();
    assert_eq!(beats, 1, "only the one that changed something");
    let viewer = gateway.token("viewer").await;
    assert_eq!(call(&gateway, &viewer, &beat, json!({})).await.0, 403);
    let refused =
        |record: &Value| record["action"] == "instance.heartbeat" && record["rbac_decision"] == "deny";
    gateway.lines.wait_for(refused).await;
}

#[tokio::test]
async fn draining_has_a_reason_and_an_end() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let id = registered(&gateway, &token, "web", "http://10.0.0.1").await["id"].as_str().unwrap().to_owned();
    let path = format!("/registry-svc/instance/{id}/drain");
    let (status, document) =
        call(&gateway, &token, &format!("PUT {path}"), json!({ "reason": "kernel update" })).await;
    assert_eq!((status.as_u16(), &document["instance"]["draining"]), (200, &"kernel update".into()));
    assert_eq!(document["instance"]["status"], "Healthy", "it is well all the same");
    let (status, document) = call(&gateway, &token, &format!("DELETE {path}"), Value::Null).await;
    assert_eq!((status.as_u16(), &document["instance"]["draining"]), (200, &Value::Null));
}
