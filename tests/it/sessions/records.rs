//! What the records say of calls to the own API.

use super::read;
use crate::support::{gateway::TestGateway, session::CLI};
use rack_gateway::identity::token;

#[tokio::test]
async fn what_was_answered_is_what_is_recorded() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let first = gateway.own(&session.secret, "GET /api/v1/racks").send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let id = first.headers()["x-request-id"].to_str().unwrap().to_owned();
    let length = first.bytes().await.unwrap().len();
    let record = gateway.lines.wait_for(|record| record["request_id"] == id.as_str()).await;
    assert_eq!((&record["http_status"], &record["bytes_out"]), (&200.into(), &length.into()));

    let again = gateway.own(&session.secret, "GET /api/v1/racks").header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 304);
    let id = again.headers()["x-request-id"].to_str().unwrap().to_owned();
    let record = gateway.lines.wait_for(|record| record["request_id"] == id.as_str()).await;
    assert_eq!((&record["http_status"], &record["bytes_out"]), (&304.into(), &0.into()));
    assert_eq!(
        (&record["status"], &record["user_email"]),
        (&"success".into(), &session.email.as_str().into())
    );
}

#[tokio::test]
async fn changes_are_announced_before_they_are_made() {
    let gateway = TestGateway::start().await;
    let mine = gateway.session("viewer").await;
    mine.another(&gateway.db, gateway.clock.now(), &CLI).await;
    let request = gateway.own(&mine.secret, "POST /api/v1/sessions/revoke-others").body("{}");
    assert_eq!(read(request).await.0, 200);
    let record = gateway.lines.wait_for(|record| record["action"] == "session.revoke_others").await;
    assert_eq!((&record["status"], &record["bytes_in"]), (&"success".into(), &2.into()));
    let changes: serde_json::Value = serde_json::from_str(record["changes"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&changes["before"]["other_sessions"], &changes["after"]["other_sessions"]),
        (&1.into(), &0.into())
    );
    let admin = gateway.token("admin").await;
    let mut found = serde_json::Value::Null;
    for _ in 0..1_000 {
        let request = gateway.own(&admin, "GET /api/v1/audit-logs?action=session.revoke_others");
        found = read(request).await.1["logs"].clone();
        if found.as_array().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let events: Vec<_> = found.as_array().unwrap().iter().map(|log| log["record"]["event"].clone()).collect();
    assert_eq!(events, ["outcome", "intent"], "newest first");
}

/// The secret of a session stands nowhere but in its cookie and header.
#[tokio::test]
async fn no_record_shows_a_secret() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let unknown = token::generate_session();
    read(gateway.by_page(&session, "POST /api/v1/sessions/revoke-others")).await;
    read(gateway.own(unknown.expose(), "GET /api/v1/me")).await;
    read(gateway.own(&format!("{}.totp.123456", session.secret), "GET /api/v1/rack-proxy/apps")).await;
    gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    let lines = gateway.lines.text();
    assert!(
        !lines.contains("rgs_") && !lines.contains("123456") && !lines.contains(&session.csrf()),
        "{lines}"
    );
}
