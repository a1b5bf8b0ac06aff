//! Nobody gets a session whom a person at a browser has not let in.

use super::{Seat, gateway, request_of, said};
use crate::support::gateway::TestGateway;
use rack_gateway::core::Timestamp;
use serde_json::json;

/// OpenBao CVE-2026-33757, Dex CVE-2022-39222: whoever began a login got the session of whoever came by.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_33757_a_login_that_nobody_confirms_stays_nothing() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let wishes =
        json!({ "approved_by": person.email, "email": person.email, "approved": true, "user_id": "x" });
    let started = gateway.ask("cli/start", wishes).await;
    // That somebody looks at it changes nothing.
    gateway.decide(&person, &request_of(&started), "show").await.is(200);
    let completion = json!({
        "state": started.text("state"), "code_verifier": started.text("code_verifier"), "email": person.email,
        "approved": true, "method": "totp", "code": "000000",
    });
    for _ in 0..3 {
        gateway.ask("cli/complete", completion.clone()).await.is(202);
    }
    assert_eq!(gateway.db.sessions_of(person.user).await.unwrap().len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_person_at_a_browser_with_a_fresh_proof_decides() {
    let gateway = gateway().await;
    let started = gateway.ask("cli/start", json!({})).await;
    let request = request_of(&started);
    let path = format!("/api/v1/auth/cli/requests/{request}");

    for path in [path.clone(), format!("{path}/approve"), format!("{path}/deny")] {
        let method = if path.ends_with(&request) { reqwest::Method::GET } else { reqwest::Method::POST };
        said(reqwest::Client::new().request(method, gateway.url(&path))).await.is(401);
    }
    let token = gateway.token("admin").await;
    said(gateway.own(&token, &format!("GET {path}"))).await.is(403);
    said(gateway.own(&token, &format!("POST {path}/approve")).json(&json!({}))).await.is(403);

    let now = gateway.clock.now();
    let command_line = gateway.browser_with(Seat { channel: "cli", proved: Some(now) }).await;
    for what in ["show", "approve", "deny"] {
        gateway.decide(&command_line, &request, what).await.is(403);
    }
    let hour_ago = Timestamp::from_micros(now.as_micros() - 3_600_000_000);
    for proved in [None, Some(hour_ago)] {
        let stale = gateway.browser_with(Seat { channel: "web", proved }).await;
        let answer = gateway
            .own(&stale.secret, &format!("POST {path}/approve"))
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["x-mfa-required"], "step-up");
        assert_eq!(answer.status(), 401);
    }
    let completion =
        json!({ "state": started.text("state"), "code_verifier": started.text("code_verifier") });
    gateway.ask("cli/complete", completion).await.is(202);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decided_login_is_nobody_elses() {
    let gateway = gateway().await;
    let (first, second) = (gateway.browser().await, gateway.browser().await);
    let started = gateway.ask("cli/start", json!({})).await;
    let request = request_of(&started);
    gateway.decide(&first, &request, "approve").await.is(200);
    for what in ["show", "approve", "deny"] {
        gateway.decide(&second, &request, what).await.is(404);
        gateway.decide(&first, &request, what).await.is(404);
    }
    let completion =
        json!({ "state": started.text("state"), "code_verifier": started.text("code_verifier") });
    assert_eq!(gateway.ask("cli/complete", completion).await.is(200).text("email"), first.email);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_decisions_one_counts() {
    let gateway = gateway().await;
    let (first, second) = (gateway.browser().await, gateway.browser().await);
    let started = gateway.ask("cli/start", json!({})).await;
    let request = request_of(&started);
    let decisions = (0..8).map(|index| {
        let (person, what) = if index % 2 == 0 { (&first, "approve") } else { (&second, "deny") };
        gateway.decide(person, &request, what)
    });
    let answers = futures_util::future::join_all(decisions).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_guessed() {
    let gateway = gateway().await;
    let (guesser, other) = (gateway.browser().await, gateway.browser().await);
    let begun = gateway.ask("device/code", json!({})).await;
    let code = begun.text("user_code");
    let guesses =
        futures_util::future::join_all((0..25).map(|_| gateway.decide(&guesser, "BCDF-GHJK", "show"))).await;
    let looked_up = guesses.iter().filter(|answer| answer.status == 404).count();
    assert_eq!((looked_up, guesses.iter().filter(|answer| answer.status == 429).count()), (10, 15));
    let right = gateway.decide(&guesser, code, "show").await;
    assert_eq!(right.is(429).text("code"), "too_many_attempts", "not even the right one is looked up");
    gateway.decide(&guesser, code, "approve").await.is(429);
    for _ in 0..15 {
        gateway.decide(&other, code, "show").await.is(200);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn begun_logins_have_a_limit() {
    let gateway = gateway().await;
    for _ in 0..50 {
        gateway.ask("device/code", json!({})).await.is(200);
    }
    let refused = gateway.ask("device/code", json!({})).await;
    assert_eq!(refused.is(429).text("code"), "too_many_logins");
    gateway.stop().await;
    let gateway = TestGateway::start().await;
    let mut limited = 0;
    for _ in 0..25 {
        limited += usize::from(gateway.ask("cli/start", json!({})).await.status == 429);
    }
    assert!((3..=5).contains(&limited), "twenty a minute, {limited} of 25 refused");
    gateway.stop().await;
}
