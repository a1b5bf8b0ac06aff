//! A service learns who calls, and can prove it.

use super::{
    call, gateway, register,
    server::{Server, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

#[tokio::test]
async fn the_statement_is_verified_with_the_published_key() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let ops = gateway.token_on("ops", "service:billing").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "billing", server.at).await;
    let answer =
        call(&gateway, &ops, "GET /billing/x").header("x-forwarded-identity", "forged").send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let said: Value = answer.json().await.unwrap();

    let keys: Value =
        reqwest::get(gateway.url("/.well-known/jwks.json")).await.unwrap().json().await.unwrap();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into()));
    let public = VerifyingKey::from_bytes(&decoded(key["x"].as_str().unwrap()).try_into().unwrap()).unwrap();

    let statement = header(&said, "x-forwarded-identity").unwrap();
    let [head, claims, signature] = statement.split('.').collect::<Vec<_>>()[..] else {
        panic!("{statement}")
    };
    let signature = Signature::from_slice(&decoded(signature)).unwrap();
    public.verify_strict(format!("{head}.{claims}").as_bytes(), &signature).unwrap();
    let head: Value = serde_json::from_slice(&decoded(head)).unwrap();
    assert_eq!((&head["alg"], &head["kid"]), (&"EdDSA".into(), &key["kid"]));
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
    let email = header(&said, "x-forwarded-user").unwrap();
    assert_eq!((&claims["aud"], claims["email"].as_str()), (&"billing".into(), Some(email)));
    assert!(email.starts_with("ops-") && email.ends_with("@example.com"));
    assert_eq!(claims["jti"].as_str(), Some(&*request_id));
    assert_eq!(claims["exp"].as_i64().unwrap(), claims["iat"].as_i64().unwrap() + 60);
    let now = gateway.clock.now().as_micros() / 1_000_000;
    assert!((now - claims["iat"].as_i64().unwrap()).abs() < 30);
}

#[tokio::test]
async fn keys_are_for_everybody_and_only_to_be_read() {
    let gateway = gateway().await;
    let client = reqwest::Client::new();
    let url = gateway.url("/.well-known/jwks.json");
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-type"]),
        (200, &"application/jwk-set+json".parse().unwrap())
    );
    assert_eq!(client.post(&url).body("x").send().await.unwrap().status().as_u16(), 405);
    let text = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(!text.contains("\"d\""), "no private part");
}
