//! What asks for a proof each time, over the wire and with factors that are real: by header, and inside of the
//! password as the stock CLI can send it.

use crate::support::{gateway::TestGateway, prover::Prover, security_key::SecurityKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

const ORIGIN: &str = "http://localhost:8443";

/// Deleting an app asks for a proof each time.
fn delete(gateway: &TestGateway, app: &str) -> RequestBuilder {
    reqwest::Client::new().request(Method::DELETE, gateway.rack_url(&format!("/apps/{app}")))
}

fn reached(gateway: &TestGateway) -> usize {
    gateway.rack.requests().iter().filter(|seen| seen.method == "DELETE").count()
}

async fn refused(answer: Response, sentence: &str) {
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["x-mfa-required"], "true");
    assert_eq!(answer.headers()["x-mfa-level"], "always");
    let text = answer.text().await.unwrap();
    assert!(text.contains(sentence), "{text}");
}

fn inline(request: RequestBuilder, who: &Prover, method: &str, proof: &str) -> RequestBuilder {
    request.basic_auth("convox", Some(format!("{}.{method}.{proof}", who.session.secret)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_by_header_is_good_for_one_call() {
    let gateway = TestGateway::start().await;
    let ada = gateway.prover("admin").await;
    let plain = || delete(&gateway, "web").bearer_auth(&ada.session.secret);
    // The session is fresh from the enrolment, which is not enough.
    refused(plain().send().await.unwrap(), "with a fresh proof each time").await;
    refused(plain().header("X-Mfa-Totp", "000000").send().await.unwrap(), "not right").await;
    assert_eq!(reached(&gateway), 0);

    let code = ada.totp(gateway.clock.now(), 0);
    let answer = plain().header("X-Mfa-Totp", &code).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let again = delete(&gateway, "api").bearer_auth(&ada.session.secret).header("X-Mfa-Totp", &code);
    refused(again.send().await.unwrap(), "not right").await;
    refused(delete(&gateway, "api").bearer_auth(&ada.session.secret).send().await.unwrap(), "each time")
        .await;
    assert_eq!(reached(&gateway), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_inside_of_the_password_is_good_for_one_call() {
    let gateway = TestGateway::start().await;
    let ada = gateway.prover("admin").await;
    for (method, proof) in [("totp", "000000"), ("totp", ""), ("sms", "123456"), ("totp", "12.34")] {
        let answer = inline(delete(&gateway, "web"), &ada, method, proof).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {proof}");
    }
    assert_eq!(reached(&gateway), 0);
    let code = ada.totp(gateway.clock.now(), 0);
    let answer = inline(delete(&gateway, "web"), &ada, "totp", &code).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    refused(inline(delete(&gateway, "api"), &ada, "totp", &code).send().await.unwrap(), "not right").await;
    let backup = ada.backup_code();
    let answer = inline(delete(&gateway, "api"), &ada, "totp", &backup).send().await.unwrap();
    assert_eq!(answer.status(), 200, "a code on paper does as well");
    assert_eq!(reached(&gateway), 2);
    for record in gateway.lines.records() {
        assert!(!record.to_string().contains(&code) && !record.to_string().contains(&backup), "{record}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_key_proves_inside_of_the_password_too() {
    let gateway = TestGateway::with([("WEBAUTHN_ORIGIN", ORIGIN)]).await;
    let ada = gateway.prover("admin").await;
    let mut key = SecurityKey::new(ORIGIN, "localhost");
    let post = async |path: &str, body: Value| -> Value {
        let request = gateway.own(&ada.session.secret, &format!("POST /api/v1/auth/mfa/{path}"));
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    };
    let started = post("enroll/webauthn/start", json!({})).await;
    let credential = key.register(&started["public_key_options"]);
    let confirm = json!({ "handle": started["handle"], "credential": credential, "label": "Blue" });
    post("enroll/webauthn/confirm", confirm).await;

    key.claims.counter += 1;
    let started = post("webauthn/assertion/start", json!({})).await;
    let answer = key.answer(&started["options"]);
    let proof = json!({ "session_data": started["session_data"], "assertion_response": answer });
    let packed = STANDARD.encode(proof.to_string());
    let answer = inline(delete(&gateway, "web"), &ada, "webauthn", &packed).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    refused(inline(delete(&gateway, "api"), &ada, "webauthn", &packed).send().await.unwrap(), "not right")
        .await;
    assert_eq!(reached(&gateway), 1);
    gateway.stop().await;
}

/// The gateway's own API asks in its own words, and a browser proves by header as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_asks_each_time_too() {
    let gateway = TestGateway::start().await;
    let ada = gateway.prover("admin").await;
    let new = json!({ "email": "eve@example.com" });
    let create = || gateway.own(&ada.session.secret, "POST /api/v1/users").json(&new);
    let answer = create().send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-mfa-required"]),
        (401, &"always".parse().unwrap())
    );
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "mfa_required");
    let code = ada.totp(gateway.clock.now(), 0);
    assert_eq!(create().header("X-Mfa-Totp", &code).send().await.unwrap().status(), 201);
    let again = gateway.own(&ada.session.secret, "DELETE /api/v1/users/eve@example.com");
    let answer = again.header("X-Mfa-Totp", &code).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "mfa_verification_failed");
    gateway.stop().await;
}
