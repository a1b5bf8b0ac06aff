//! The code that a person types.

use super::{Said, gateway, said, sql};
use rack_gateway::identity::cli_login::Verifier;
use serde_json::json;

fn code(said: &Said) -> String {
    said.text("device_code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_code_to_session() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let begun =
        gateway.ask("device/code", json!({ "client_id": "rack-gateway", "device_name": "server" })).await;
    begun.is(200);
    let user_code = begun.text("user_code").to_owned();
    assert_eq!((&begun.body["expires_in"], &begun.body["interval"]), (&600.into(), &5.into()));
    assert!(begun.text("verification_uri").ends_with("/app/device"));
    assert!(begun.text("verification_uri_complete").ends_with(&format!("/app/device?user_code={user_code}")));

    let ask = || gateway.ask("device/token", json!({ "device_code": code(&begun) }));
    assert_eq!(ask().await.is(400).text("error"), "authorization_pending");
    let slower = ask().await;
    assert_eq!((slower.is(400).text("error"), &slower.body["interval"]), ("slow_down", &10.into()));
    assert_eq!(ask().await.body["interval"], 15, "each time a little longer");

    let typed = user_code.to_lowercase().replace('-', "%20");
    let shown = gateway.decide(&person, &typed, "show").await;
    assert_eq!((shown.is(200).text("device_name"), shown.text("user_code")), ("server", user_code.as_str()));
    gateway.decide(&person, shown.text("id"), "approve").await.is(200);

    let session = ask().await;
    assert_eq!(session.is(200).text("access_token"), session.text("token"));
    assert_eq!((session.text("token_type"), session.text("email")), ("Bearer", person.email.as_str()));
    assert!(session.body["expires_in"].as_u64().unwrap() > 3_600);
    assert_eq!(ask().await.is(400).text("error"), "invalid_grant");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_the_standards_own_way() {
    let gateway = gateway().await;
    let post = |path: &str, form: String| {
        let client = reqwest::Client::new();
        let call = client.post(gateway.url(path)).header("Content-Type", "application/x-www-form-urlencoded");
        said(call.body(form))
    };
    let begun = post("/api/v1/auth/device/code", "client_id=rack-gateway&scope=".to_owned()).await;
    begun.is(200);
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    let ask = |grant: &str| {
        post("/api/v1/auth/device/token", format!("grant_type={grant}&device_code={}", code(&begun)))
    };
    assert_eq!(ask(grant).await.is(400).text("error"), "authorization_pending");
    assert_eq!(ask("password").await.is(400).text("error"), "unsupported_grant_type");
    assert_eq!(
        post("/api/v1/auth/device/token", "device_code=x&device_code=y".to_owned())
            .await
            .is(400)
            .text("field"),
        "device_code"
    );
    assert_eq!(post("/api/v1/auth/device/token", String::new()).await.is(400).text("field"), "device_code");
    assert_eq!(
        post("/api/v1/auth/device/token", "device_code=guess".to_owned()).await.is(400).text("error"),
        "invalid_grant"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_binds_the_code_to_its_client() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let verifier = Verifier::generate();
    let begun = gateway.ask("device/code", json!({ "code_challenge": verifier.challenge().as_str() })).await;
    gateway.decide(&person, begun.text("user_code"), "approve").await.is(200);
    let with = |verifier: Option<&str>| {
        gateway.ask("device/token", json!({ "device_code": code(&begun), "code_verifier": verifier }))
    };
    assert_eq!(with(None).await.is(400).text("error"), "invalid_grant");
    assert_eq!(with(Some(Verifier::generate().expose())).await.is(400).text("error"), "invalid_grant");
    with(Some(verifier.expose())).await.is(200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_one_way_is_nothing_to_another() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let begun = gateway.ask("device/code", json!({})).await;
    gateway.decide(&person, begun.text("user_code"), "approve").await.is(200);
    let verifier = Verifier::generate();
    let as_state = json!({ "state": code(&begun), "code_verifier": verifier.expose() });
    gateway.ask("cli/complete", as_state).await.is(400);
    let as_code = json!({ "code": code(&begun), "code_verifier": verifier.expose() });
    gateway.ask("cli/token", as_code).await.is(400);
    gateway.ask("device/token", json!({ "device_code": code(&begun) })).await.is(200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_and_expiry_have_their_words() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let begun = gateway.ask("device/code", json!({})).await;
    gateway.decide(&person, begun.text("user_code"), "deny").await.is(200);
    let ask = |begun: &Said| gateway.ask("device/token", json!({ "device_code": code(begun) }));
    assert_eq!(ask(&begun).await.is(400).text("error"), "access_denied");
    let begun = gateway.ask("device/code", json!({})).await;
    sql(&gateway.db, "UPDATE cli_logins SET expires_at = 1").await;
    assert_eq!(ask(&begun).await.is(400).text("error"), "expired_token");
    gateway.stop().await;
}
