//! What happens between the decision and the session still counts.

use super::{Browser, Said, Seat, TestGateway, gateway, request_of, said};
use crate::support::prover::Prover;
use rack_gateway::{
    core::{Timestamp, id::UserId},
    identity::change::{
        Actor,
        grants::{self, Holder, NewGrant},
    },
    policy::CallLimits,
};
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

/// Says yes with a code that comes along, in a browser where nothing was proved lately.
async fn approved_with_a_code(gateway: &TestGateway, prover: &Prover, person: &Browser) -> Said {
    let started = gateway.ask("cli/start", json!({})).await;
    let request = format!("POST /api/v1/auth/cli/requests/{}/approve", request_of(&started));
    let call = gateway.own(&person.secret, &request).header("X-Mfa-Totp", prover.backup_code());
    said(call.json(&json!({}))).await.is(200);
    started
}

async fn promote(gateway: &TestGateway, person: &Browser) {
    let (ops, target) = ("ops".to_owned(), "*".parse().unwrap());
    let grant = NewGrant { role: ops, target, expires_at: None, limits: CallLimits::default() };
    let holder = Holder::User(person.email.clone());
    grants::add(&gateway.db, &Actor::Operator, gateway.clock.now(), &holder, &grant).await.unwrap();
}

/// When a factor was proved, as the session that the client takes says.
async fn proved(gateway: &TestGateway, person: &Browser, started: &Said) -> Option<Timestamp> {
    let session = complete(gateway, started).await;
    let id = session.is(200).text("session_id").to_owned();
    let rows = gateway.db.sessions_of(person.user).await.unwrap();
    let row = rows.into_iter().find(|row| row.id.to_string() == id).unwrap();
    assert_eq!(session.body["mfa_verified"], row.step_up_at.is_some());
    row.step_up_at
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_the_browsers_session_counts_until_roles_change() {
    let gateway = gateway().await;
    let minute_ago = Timestamp::from_micros(gateway.clock.now().as_micros() - 60_000_000);
    let person = gateway.browser_with(Seat { channel: "web", proved: Some(minute_ago) }).await;
    let started = approved(&gateway, &person).await;
    assert_eq!(proved(&gateway, &person, &started).await, Some(minute_ago), "no fresher than it is");

    let started = approved(&gateway, &person).await;
    promote(&gateway, &person).await;
    assert_eq!(proved(&gateway, &person, &started).await, None);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_comes_along_counts_until_roles_change() {
    let gateway = gateway().await;
    let prover = gateway.prover("viewer").await;
    let begun = gateway.clock.now();
    let hour_ago = Timestamp::from_micros(begun.as_micros() - 3_600_000_000);
    let seat = Seat { channel: "web", proved: Some(hour_ago) };
    let person = gateway.seat_of(prover.session.user, prover.session.email.clone(), seat).await;
    gateway.until_known(&person.secret).await;

    let started = approved_with_a_code(&gateway, &prover, &person).await;
    assert!(
        proved(&gateway, &person, &started).await.is_some_and(|at| at >= begun),
        "it was proved just now"
    );

    let started = approved_with_a_code(&gateway, &prover, &person).await;
    promote(&gateway, &person).await;
    assert_eq!(proved(&gateway, &person, &started).await, None);
    gateway.stop().await;
}
