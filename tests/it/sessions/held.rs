//! What takes its time: a body that comes slowly, a client that goes away in the middle.

use super::status_of_me;
use crate::support::{
    database::{TestDb, each},
    exchange::Wire,
    gateway::{TestGateway, until_status},
    session::CLI,
    wire::SOON,
};
use rack_gateway::store::{AuditFilter, Db};
use serde_json::Value;
use std::time::{Duration, Instant};

/// All of the request but its last byte.
async fn held(gateway: &TestGateway, secret: &str, request: &str, body: &str) -> Wire {
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {secret}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{}",
        &body[..length - 1]
    );
    let mut wire = Wire::open(gateway.address()).await;
    assert!(wire.send(head.as_bytes()).await);
    // Time to be let in.
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire
}

async fn rest(mut wire: Wire) -> u16 {
    assert!(wire.send(b"}").await);
    wire.answer().await.unwrap().status
}

#[tokio::test]
async fn who_is_not_let_in_any_more_does_nothing_with_the_last_byte() {
    let gateway = TestGateway::start().await;
    let now = gateway.clock.now();
    const END_OTHERS: &str = "POST /api/v1/sessions/revoke-others";
    let person = gateway.session_of("viewer", &CLI).await;
    assert_eq!(rest(held(&gateway, &person.secret, END_OTHERS, "{}").await).await, 200, "who is let in");

    let other = person.another(&gateway.db, now, &CLI).await;
    assert_eq!(status_of_me(&gateway, &other).await, 200);
    let by_person = held(&gateway, &person.secret, END_OTHERS, "{}").await;
    let robot = gateway.person("admin").await;
    let end = format!("POST /api/v1/users/{}/sessions/revoke_all", person.email);
    let by_robot = held(&gateway, &robot.token, &end, "{}").await;
    gateway.db.revoke_session(person.user, person.id, "ended", now).await.unwrap();
    gateway.db.revoke_token(robot.token_id, now).await.unwrap();
    for secret in [&person.secret, &robot.token] {
        until_status(|| gateway.own(secret, "GET /api/v1/me"), 401).await;
    }
    for wire in [by_person, by_robot] {
        assert_eq!(rest(wire).await, 401);
    }
    assert_eq!(status_of_me(&gateway, &other).await, 200, "neither ended it");
}

#[tokio::test]
async fn a_change_whose_client_went_away_is_made_and_recorded_as_such() {
    each(async |db: TestDb| {
        // A row that a change waits for, and a record does not.
        let Db::Postgres(pool) = &db.db else { return };
        let gateway = TestGateway::on(db.again().await, tempfile::tempdir().unwrap(), []).await;
        let (admin, viewer) = (gateway.person("admin").await, gateway.person("viewer").await);
        let mut busy = pool.begin().await.unwrap();
        sqlx::query("SELECT epoch FROM access_epoch FOR UPDATE").execute(&mut *busy).await.unwrap();
        let mut wire = Wire::open(gateway.address()).await;
        let request = format!(
            "DELETE /api/v1/grants/{} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\n\r\n",
            viewer.grant, admin.token
        );
        assert!(wire.send(request.as_bytes()).await);
        let intent = recorded(&gateway, "intent").await;
        assert_eq!(intent["resource"], viewer.grant.to_string(), "{intent}");
        drop(wire);
        tokio::time::sleep(Duration::from_millis(500)).await;
        busy.rollback().await.unwrap();
        let outcome = recorded(&gateway, "outcome").await;
        assert_eq!(
            (&outcome["http_status"], &outcome["status"]),
            (&204.into(), &"success".into()),
            "{outcome}"
        );
        assert!(outcome["changes"].as_str().unwrap().contains("viewer"), "{outcome}");
        assert!(gateway.db.grants().await.unwrap().iter().all(|grant| grant.id != viewer.grant));
        gateway.stop().await;
    })
    .await;
}

async fn recorded(gateway: &TestGateway, event: &str) -> Value {
    let filter = AuditFilter { action: Some("grant.remove".to_owned()), limit: 10, ..AuditFilter::default() };
    let began = Instant::now();
    while began.elapsed() < SOON {
        let rows = gateway.db.audit_rows(&filter).await.unwrap();
        let mut records = rows.iter().map(|row| serde_json::from_slice::<Value>(&row.record).unwrap());
        if let Some(found) = records.find(|record| record["event"] == event) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no {event}");
}
