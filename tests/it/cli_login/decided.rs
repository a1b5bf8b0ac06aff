//! What happens between the decision and the session still counts.

use super::{Browser, Said, TestGateway, gateway, request_of};
use rack_gateway::core::id::UserId;
use serde_json::json;

async fn approved(gateway: &TestGateway, person: &Browser) -> Said {
    let started = gateway.ask("cli/start", json!({})).await;
    gateway.decide(person, &request_of(&started), "approve").await.is(200);
    started
}

async fn complete(gateway: &TestGateway, started: &Said) -> Said {
    let completion =
        json!({ "state": started.text("state"), "code_verifier": started.text("code_verifier") });
    gateway.ask("cli/complete", completion).await
}

async fn command_lines(gateway: &TestGateway, user: UserId) -> usize {
    let sessions = gateway.db.sessions_of(user).await.unwrap();
    sessions.iter().filter(|session| session.channel == "cli").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_in_between_ends_it() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = approved(&gateway, &person).await;
    gateway.db.set_user_lock(&person.email, Some((gateway.clock.now(), "left"))).await.unwrap();
    assert_eq!(complete(&gateway, &started).await.is(400).text("code"), "access_denied");
    gateway.db.set_user_lock(&person.email, None).await.unwrap();
    complete(&gateway, &started).await.is(400);
    assert_eq!(command_lines(&gateway, person.user).await, 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_browsers_session_in_between_ends_it() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = approved(&gateway, &person).await;
    gateway.db.revoke_session(person.user, person.session, "admin", gateway.clock.now()).await.unwrap();
    let refused = complete(&gateway, &started).await;
    assert_eq!(refused.is(400).text("code"), "access_denied");
    assert!(refused.text("error").contains("has ended"), "{refused:?}");
    assert_eq!(command_lines(&gateway, person.user).await, 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_session_lives_on_without_the_browser() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = approved(&gateway, &person).await;
    let session = complete(&gateway, &started).await;
    gateway.db.revoke_session(person.user, person.session, "logout", gateway.clock.now()).await.unwrap();
    let rows = gateway.db.sessions_of(person.user).await.unwrap();
    let row = rows.iter().find(|row| row.channel == "cli").unwrap();
    assert_eq!((row.method.as_str(), row.revoked_at), ("oidc:test", None));
    assert!(row.step_up_at.is_some(), "the proof counts on");
    assert_eq!(row.id.to_string(), session.text("session_id"));
    let me = gateway.own(session.text("token"), "GET /api/v1/me").send().await.unwrap();
    assert_eq!(me.status(), 200);
    gateway.stop().await;
}
