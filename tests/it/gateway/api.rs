//! The gateway's own API.

use crate::support::gateway::TestGateway;
use serde_json::Value;
use std::time::Duration;

/// A path whose parameters name nothing.
async fn json(gateway: &TestGateway, token: &str, request: &str) -> (u16, Value) {
    let answer = gateway.own(token, request).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json", "{request}");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn logs(gateway: &TestGateway, token: &str, query: &str) -> Vec<Value> {
    let (status, page) = json(gateway, token, &format!("GET /api/v1/audit-logs?{query}")).await;
    assert_eq!(status, 200, "{query}: {page}");
    page["logs"].as_array().unwrap().clone()
}

/// Waits until the table has so many rows that fit.
async fn until(gateway: &TestGateway, token: &str, query: &str, count: usize) {
    for _ in 0..1_000 {
        if logs(gateway, token, query).await.len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{query} does not find {count}, but {:#?}", logs(gateway, token, query).await);
}

#[tokio::test]
async fn the_audit_log_is_for_those_who_may_read_it() {
    let gateway = TestGateway::start().await;
    for role in ["viewer", "ops", "deployer", "cicd"] {
        let token = gateway.token(role).await;
        let (status, document) = json(&gateway, &token, "GET /api/v1/audit-logs").await;
        assert_eq!(status, 403, "{role}");
        assert_eq!(document["code"], "denied");
        assert!(document["error"].as_str().unwrap().contains("gateway:audit:read"), "{document}");
    }
    let on_a_rack = gateway.token_on("admin", "demo").await;
    assert_eq!(json(&gateway, &on_a_rack, "GET /api/v1/audit-logs").await.0, 403, "an admin of one rack");
    let admin = gateway.token("admin").await;
    assert_eq!(json(&gateway, &admin, "GET /api/v1/audit-logs").await.0, 200);
    let denied = logs(&gateway, &admin, "action=audit.list&decision=deny").await;
    assert_eq!(denied.len(), 5, "who asked in vain is on record");
}

#[tokio::test]
async fn filters_narrow_and_combine() {
    let gateway = TestGateway::start().await;
    let (admin, viewer) = (gateway.token("admin").await, gateway.token("viewer").await);
    let began = gateway.clock.now();
    let first = gateway.call(&viewer, "GET /apps/web").send().await.unwrap();
    let id = first.headers()["x-request-id"].to_str().unwrap().to_owned();
    gateway.call(&viewer, "POST /apps/web/restart").send().await.unwrap();
    gateway.call(&admin, "POST /apps/web/restart").send().await.unwrap();
    gateway.call(&admin, "GET /apps/nope").send().await.unwrap();
    until(&gateway, &admin, "action=app.restart", 3).await;
    until(&gateway, &admin, "resource=nope", 1).await;

    let me = json(&gateway, &viewer, "GET /api/v1/me").await.1;
    let viewer_email = me["email"].as_str().unwrap();
    let future = "2999-01-01T00:00:00Z";
    for (query, count) in [
        (format!("user={viewer_email}&action=app.restart"), 1),
        ("action=app.restart&decision=deny".to_owned(), 1),
        ("action=app.restart&decision=allow&event=intent".to_owned(), 1),
        ("action=app.restart&event=outcome".to_owned(), 2),
        ("action=app.restart&status=denied".to_owned(), 1),
        ("action=app.restart&status=pending".to_owned(), 1),
        ("resource=nope&status=failed".to_owned(), 1),
        (format!("request_id={id}"), 1),
        (format!("action=app.restart&since={began}"), 3),
        (format!("action=app.restart&until={began}"), 0),
        (format!("since={future}"), 0),
        ("user=nobody@example.com".to_owned(), 0),
        ("action=app.restart%27%20OR%20%271%27=%271".to_owned(), 0),
    ] {
        assert_eq!(logs(&gateway, &admin, &query).await.len(), count, "{query}");
    }
    let found = logs(&gateway, &admin, &format!("request_id={id}")).await.remove(0);
    assert_eq!(found["record"]["user_email"], viewer_email);
    let line = gateway.lines.wait_for(|record| record["request_id"] == id.as_str()).await;
    assert_eq!(found["record"], line, "the row is the line");
}

#[tokio::test]
async fn a_cursor_leads_through_all_pages_once() {
    let gateway = TestGateway::start().await;
    let (admin, viewer) = (gateway.token("admin").await, gateway.token("viewer").await);
    for _ in 0..25 {
        gateway.call(&viewer, "GET /apps").send().await.unwrap();
    }
    until(&gateway, &admin, "action=app.list", 25).await;
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let (_, page) =
            json(&gateway, &admin, &format!("GET /api/v1/audit-logs?action=app.list&limit=10{cursor}")).await;
        seen.extend(page["logs"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()));
        pages += 1;
        // What is written meanwhile must not shift the pages.
        gateway.call(&viewer, "GET /apps").send().await.unwrap();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 25));
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice: {seen:?}");
}

#[tokio::test]
async fn mistakes_are_answered_in_json_and_name_the_field() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for (query, field) in [
        ("page=2", "page: is not a filter"),
        ("limit=0", "limit: "),
        ("limit=1001", "limit: "),
        ("cursor=abc", "cursor: "),
        ("decision=maybe", "decision: "),
        ("since=yesterday", "since: "),
        ("user=a&user=b", "user: is given twice"),
    ] {
        let (status, document) = json(&gateway, &admin, &format!("GET /api/v1/audit-logs?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert_eq!(document["code"], "bad_parameter");
        assert!(document["error"].as_str().unwrap().starts_with(field), "{query}: {document}");
        assert_eq!(document["request_id"].as_str().unwrap().len(), 36);
    }
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for path in ["/api/v1/unknown", "/api/v1/", "/api/v1/racks/demo", "/api/v1/ME", "/api/v1/me/"] {
        let answer = gateway.own(&admin, &format!("GET {path}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn callers_learn_who_they_are_and_which_racks_they_may_use() {
    let gateway = TestGateway::start().await;
    let (ops, nobody) = (gateway.token_on("ops", "demo").await, gateway.token_on("ops", "elsewhere").await);
    let me = json(&gateway, &ops, "GET /api/v1/me").await.1;
    assert_eq!((&me["grants"][0]["role"], &me["grants"][0]["target"]), (&"ops".into(), &"demo".into()));
    assert!(!me.to_string().contains("rgw_"));
    let racks = json(&gateway, &ops, "GET /api/v1/racks").await.1;
    assert_eq!(
        racks,
        serde_json::json!([{ "name": "demo", "default": true, "path": "/api/v1/racks/demo/proxy" }])
    );
    assert_eq!(json(&gateway, &nobody, "GET /api/v1/racks").await.1, serde_json::json!([]));
}
