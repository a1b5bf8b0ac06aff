//! Users, and what is recorded of their changes.

use super::{call, get};
use crate::support::gateway::TestGateway;
use serde_json::{Value, json};

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for index in 0..7 {
        gateway
            .db
            .add_user(&format!("u{index}@example.com"), &format!("Number {index}"), gateway.clock.now())
            .await
            .unwrap();
    }
    gateway.db.set_user_lock("u3@example.com", Some((gateway.clock.now(), "gone"))).await.unwrap();
    let (_, locked) = get(&gateway, &admin, "/api/v1/users?state=locked").await;
    assert_eq!(locked["users"][0]["email"], "u3@example.com");
    assert_eq!(locked["users"][0]["locked_reason"], "gone");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = get(&gateway, &admin, &format!("/api/v1/users?search=NUMBER&limit=3{cursor}")).await;
        seen.extend(page["users"].as_array().unwrap().iter().map(|user| user["email"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<_> = (0..7).map(|index| Value::from(format!("u{index}@example.com"))).collect();
    assert_eq!(seen, expected);
    for (query, field) in [("limit=0", "limit"), ("sort=x", "sort"), ("state=odd", "state")] {
        let (status, document) = get(&gateway, &admin, &format!("/api/v1/users?{query}")).await;
        assert_eq!((status, &document["field"]), (400, &field.into()), "{document}");
    }
}

#[tokio::test]
async fn a_lock_is_in_force_at_once_and_on_record() {
    let gateway = TestGateway::start().await;
    let (admin, victim) = (gateway.token("admin").await, gateway.person("ops").await);
    let request = format!("POST /api/v1/users/{}/lock", victim.email.to_uppercase());
    let (status, user) = call(&gateway, &admin, &request, json!({ "reason": "left\tthe house" })).await;
    assert_eq!((status, &user["field"]), (400, &"reason".into()));
    let (status, user) = call(&gateway, &admin, &request, json!({ "reason": "left" })).await;
    assert_eq!((status, &user["state"]), (200, &"locked".into()), "{user}");
    let refused = gateway.call(&victim.token, "GET /apps").send().await.unwrap();
    assert_eq!(refused.status(), 401, "the very next request");

    let record = |event: &'static str| {
        let email = victim.email.clone();
        gateway.lines.wait_for(move |record| {
            record["action"] == "user.lock"
                && record["resource"] == email.as_str()
                && record["event"] == event
                && record["http_status"] == 200
        })
    };
    let outcome = record("outcome").await;
    let changes: Value = serde_json::from_str(outcome["changes"].as_str().unwrap()).unwrap();
    assert_eq!(changes["before"]["locked_reason"], Value::Null);
    assert_eq!(changes["after"]["locked_reason"], "left");
    assert_eq!(outcome["permission"], "gateway:user:update");
    let (_, log) = get(&gateway, &admin, "/api/v1/audit-logs?action=user.lock&event=intent").await;
    assert_eq!(log["logs"].as_array().unwrap().len(), 2, "each attempt was announced: {log}");

    let (status, again) = call(&gateway, &admin, &request, json!({})).await;
    assert_eq!((status, &again["state"]), (200, &"locked".into()), "{again}");
    for kept in ["locked_at", "locked_reason"] {
        assert_eq!(again[kept], user[kept], "{kept} stays what it was");
    }
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let me = get(&gateway, &admin, "/api/v1/me").await.1["email"].as_str().unwrap().to_owned();
    let (status, document) = call(&gateway, &admin, &format!("DELETE /api/v1/users/{me}"), Value::Null).await;
    assert_eq!((status, &document["code"]), (403, &"denied".into()), "{document}");
    let (status, document) =
        call(&gateway, &admin, "DELETE /api/v1/users/nobody@example.com", Value::Null).await;
    assert_eq!((status, &document["code"]), (404, &"not_found".into()));
    let grants = get(&gateway, &admin, &format!("/api/v1/grants?user={me}")).await.1;
    let id = grants["grants"][0]["id"].as_str().unwrap();
    let (status, document) =
        call(&gateway, &admin, &format!("DELETE /api/v1/grants/{id}"), Value::Null).await;
    assert_eq!((status, &document["code"]), (409, &"last_admin".into()), "{document}");
    let user = json!({ "email": "new@example.com", "roles": ["viewer"] });
    let (status, document) = call(&gateway, &admin, "POST /api/v1/users", user).await;
    assert_eq!(
        (status, &document["code"]),
        (403, &"exceeds_own_rights".into()),
        "tokens make nobody: {document}"
    );
    let (status, document) =
        call(&gateway, &admin, "POST /api/v1/users", json!({ "email": "x", "role": "a" })).await;
    assert_eq!((status, &document["field"]), (400, &"role".into()), "{document}");
    let (status, _) = call(&gateway, &admin, "DELETE /api/v1/grants/not-an-id", Value::Null).await;
    assert_eq!(status, 404);
    let refused = gateway.lines.wait_for(|record| record["action"] == "user.create").await;
    assert_eq!((&refused["rbac_decision"], &refused["http_status"]), (&"deny".into(), &403.into()));
}
