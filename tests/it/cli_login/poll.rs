//! The state that a client polls.

use super::{Said, TestGateway, gateway, request_of, sql};
use rack_gateway::identity::cli_login::Verifier;
use serde_json::{Value, json};

fn completion(started: &Said) -> Value {
    json!({
        "state": started.text("state"),
        "code_verifier": started.text("code_verifier"),
        "device_id": "d-1",
        "device_name": "laptop",
        "device_os": "linux",
        "client_version": "1.0.0",
    })
}

async fn complete(gateway: &TestGateway, started: &Said) -> Said {
    gateway.ask("cli/complete", completion(started)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_session() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = gateway.ask("cli/start", json!({})).await;
    assert_eq!(started.is(200).cache, "no-store");
    assert!(started.text("auth_url").starts_with("http://localhost:"), "{started:?}");
    let pending = complete(&gateway, &started).await;
    assert_eq!((pending.status.as_u16(), &pending.body), (202, &json!({ "status": "pending" })));

    let request = request_of(&started);
    let shown = gateway.decide(&person, &request, "show").await;
    assert_eq!(shown.is(200).text("user_code"), started.text("user_code"));
    assert_eq!(
        (shown.text("ip"), shown.text("flow"), &shown.body["same_address"]),
        ("127.0.0.1", "poll", &true.into())
    );
    let approved = gateway.decide(&person, &request, "approve").await;
    assert_eq!(approved.is(200).body, json!({ "redirect": null }));

    let session = complete(&gateway, &started).await;
    assert_eq!(session.is(200).cache, "no-store");
    let keys: Vec<_> = session.body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "token",
        "email",
        "name",
        "expires_at",
        "session_id",
        "channel",
        "device_id",
        "device_name",
        "mfa_verified",
        "mfa_required",
        "enrollment_required",
    ];
    assert_eq!(keys, expected);
    assert_eq!((session.text("email"), session.text("channel")), (person.email.as_str(), "cli"));
    assert_eq!((session.text("device_id"), session.text("device_name")), ("d-1", "laptop"));
    assert_eq!(
        (&session.body["mfa_verified"], &session.body["enrollment_required"]),
        (&true.into(), &false.into())
    );

    let token = session.text("token");
    assert!(token.starts_with("rgs_") && token != person.secret, "a session of its own");
    let me = gateway.own(token, "GET /api/v1/me").send().await.unwrap();
    assert_eq!(me.status(), 200, "in force at once");
    complete(&gateway, &started).await.is(400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_recorded_and_no_secret_is() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = gateway.ask("cli/start", json!({})).await;
    gateway.decide(&person, &request_of(&started), "approve").await.is(200);
    let session = complete(&gateway, &started).await;
    for (action, user) in
        [("login.start", ""), ("login.approve", &person.email), ("login.complete", &person.email)]
    {
        let record =
            gateway.lines.wait_for(|record| record["action"] == action && record["event"] == "outcome").await;
        assert_eq!(
            (&record["action_type"], &record["user_email"]),
            (&"auth".into(), &user.into()),
            "{record}"
        );
        assert_eq!(
            (&record["status"], &record["rbac_decision"]),
            (&"success".into(), &"allow".into()),
            "{record}"
        );
    }
    let lines = gateway.lines.text();
    for secret in [started.text("state"), started.text("code_verifier"), session.text("token")] {
        assert!(!lines.contains(secret), "{secret} is in\n{lines}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_counts() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = gateway.ask("cli/start", json!({})).await;
    let with = |verifier: Value| {
        let mut body = completion(&started);
        body["code_verifier"] = verifier;
        gateway.ask("cli/complete", body)
    };
    let other = Verifier::generate();
    assert_eq!(with(other.expose().into()).await.is(400).text("error"), "invalid or expired state");
    gateway.decide(&person, &request_of(&started), "approve").await.is(200);
    with(other.expose().into()).await.is(400);
    for (wrong, field) in [
        (json!(null), "code_verifier"),
        (json!(""), "code_verifier"),
        (json!("short"), "code_verifier"),
        (json!(7), "code_verifier"),
    ] {
        assert_eq!(with(wrong.clone()).await.is(400).text("field"), field, "{wrong}");
    }
    complete(&gateway, &started).await.is(200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_may_stay_with_the_client() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let verifier = Verifier::generate();
    let wanted = json!({ "code_challenge": verifier.challenge().as_str(), "code_challenge_method": "S256" });
    let started = gateway.ask("cli/start", wanted).await;
    assert!(started.is(200).body.get("code_verifier").is_none(), "{started:?}");
    gateway.decide(&person, &request_of(&started), "approve").await.is(200);
    let wanted = json!({ "state": started.text("state"), "code_verifier": verifier.expose() });
    gateway.ask("cli/complete", wanted).await.is(200);
    for challenge in ["x", "", "!!!"] {
        let refused = gateway.ask("cli/start", json!({ "code_challenge": challenge })).await;
        assert!(challenge.is_empty() || refused.is(400).text("field") == "code_challenge", "{refused:?}");
    }
    gateway
        .ask("cli/start", json!({ "code_challenge_method": "plain", "code_challenge": "x" }))
        .await
        .is(400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_completions_one_gets_the_session() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = gateway.ask("cli/start", json!({})).await;
    gateway.decide(&person, &request_of(&started), "approve").await.is(200);
    let answers = futures_util::future::join_all((0..12).map(|_| complete(&gateway, &started))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 400)), "{answers:?}");
    let sessions = gateway.db.sessions_of(person.user).await.unwrap();
    assert_eq!(sessions.iter().filter(|session| session.channel == "cli").count(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_and_expiry_are_told() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let started = gateway.ask("cli/start", json!({})).await;
    gateway.decide(&person, &request_of(&started), "deny").await.is(200);
    let refused = complete(&gateway, &started).await;
    assert_eq!(refused.is(400).text("code"), "access_denied");
    assert_eq!(refused.text("error"), "the login was refused in the browser");
    gateway.decide(&person, &request_of(&started), "approve").await.is(404);

    let started = gateway.ask("cli/start", json!({})).await;
    sql(&gateway.db, "UPDATE cli_logins SET expires_at = 1").await;
    let late = complete(&gateway, &started).await;
    assert_eq!(late.is(400).text("code"), "expired_token");
    gateway.decide(&person, &request_of(&started), "show").await.is(404);
    gateway.decide(&person, &request_of(&started), "approve").await.is(404);

    let started = gateway.ask("cli/start", json!({})).await;
    gateway.decide(&person, &request_of(&started), "approve").await.is(200);
    sql(&gateway.db, "UPDATE cli_logins SET expires_at = 1").await;
    complete(&gateway, &started).await.is(400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_itself_is_short_and_plain() {
    let gateway = gateway().await;
    for (field, value) in [
        ("device_name", "x\u{1b}[2J".to_owned()),
        ("device_name", "a\nb".to_owned()),
        ("device_name", "\u{202e}evil".to_owned()),
        ("device_name", "x".repeat(101)),
        ("device_id", "\u{0}".to_owned()),
    ] {
        let refused = gateway.ask("cli/start", json!({ field: value })).await;
        assert_eq!(refused.is(400).text("field"), field, "{value:?}");
    }
    for body in [json!([]), json!("x"), json!({ "device_name": {} })] {
        gateway.ask("cli/start", body).await.is(400);
    }
    gateway.stop().await;
}
