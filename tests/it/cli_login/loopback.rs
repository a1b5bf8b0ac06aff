//! The redirect to a port of the person's own machine.

use super::{Said, TestGateway, gateway, request_of};
use rack_gateway::identity::cli_login::Verifier;
use serde_json::json;
use std::collections::HashMap;

async fn begin(gateway: &TestGateway, verifier: &Verifier, redirect: &str) -> Said {
    let wanted = json!({
        "redirect_uri": redirect,
        "code_challenge": verifier.challenge().as_str(),
        "state": "s-1",
        "device_name": "laptop",
    });
    gateway.ask("cli/loopback", wanted).await
}

async fn redeem(gateway: &TestGateway, code: &str, verifier: &Verifier) -> Said {
    gateway.ask("cli/token", json!({ "code": code, "code_verifier": verifier.expose() })).await
}

/// The parameters of the address that the browser is sent to.
fn parameters(decided: &Said) -> HashMap<String, String> {
    let redirect = decided.text("redirect");
    assert!(redirect.starts_with("http://127.0.0.1:4711/callback?"), "{redirect}");
    url::Url::parse(redirect).unwrap().query_pairs().into_owned().collect()
}

const HERE: &str = "http://127.0.0.1:4711/callback";

#[tokio::test(flavor = "multi_thread")]
async fn from_redirect_to_session() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let verifier = Verifier::generate();
    let begun = begin(&gateway, &verifier, HERE).await;
    assert!(begun.is(200).body.get("state").is_none() && begun.body.get("code").is_none(), "{begun:?}");
    let decided = gateway.decide(&person, &request_of(&begun), "approve").await;
    let parameters = parameters(decided.is(200));
    assert_eq!(parameters["state"], "s-1");
    let session = redeem(&gateway, &parameters["code"], &verifier).await;
    assert_eq!(
        (session.is(200).text("email"), session.text("device_name")),
        (person.email.as_str(), "laptop")
    );
    assert_eq!(redeem(&gateway, &parameters["code"], &verifier).await.is(400).text("code"), "invalid_grant");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_steals_the_code_burns_it() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let verifier = Verifier::generate();
    let begun = begin(&gateway, &verifier, HERE).await;
    let code = parameters(&gateway.decide(&person, &request_of(&begun), "approve").await)["code"].clone();
    redeem(&gateway, &code, &Verifier::generate()).await.is(400);
    redeem(&gateway, &code, &verifier).await.is(400);
    gateway.ask("cli/token", json!({ "code": code })).await.is(400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_goes_the_same_way() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let begun = begin(&gateway, &Verifier::generate(), HERE).await;
    let parameters = parameters(&gateway.decide(&person, &request_of(&begun), "deny").await);
    assert_eq!((parameters["error"].as_str(), parameters["state"].as_str()), ("access_denied", "s-1"));
    assert!(!parameters.contains_key("code"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_leads_elsewhere() {
    let gateway = gateway().await;
    for redirect in [
        "https://evil.example/callback",
        "http://evil.example/callback",
        "http://localhost:4711/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:4711",
        "http://127.0.0.1:4711@evil.example/",
        "http://127.0.0.1:4711/?next=https://evil.example",
        "http://127.0.0.1:4711/#",
        "http://127.0.0.1:4711//evil.example",
        "http://127.0.0.1:4711\\@evil.example/",
        "http://127.0.0.1.evil.example:4711/",
        "http://0x7f.1:4711/",
        "http://[::ffff:7f00:1]:4711/",
        "http://127.0.0.1:4711/a\r\nLocation: x",
        "javascript:alert(1)",
        "//127.0.0.1:4711/",
        "",
    ] {
        let refused = begin(&gateway, &Verifier::generate(), redirect).await;
        assert_eq!(refused.is(400).text("field"), "redirect_uri", "{redirect:?}");
    }
    for redirect in ["http://127.0.0.1:1/", "http://[::1]:65535/a/b"] {
        begin(&gateway, &Verifier::generate(), redirect).await.is(200);
    }
    for (missing, body) in [
        ("code_challenge", json!({ "redirect_uri": HERE, "state": "s" })),
        (
            "state",
            json!({ "redirect_uri": HERE, "code_challenge": Verifier::generate().challenge().as_str() }),
        ),
        ("state", json!({ "redirect_uri": HERE, "state": "a b", "code_challenge": "x" })),
    ] {
        assert_eq!(gateway.ask("cli/loopback", body).await.is(400).text("field"), missing);
    }
    gateway.stop().await;
}
