//! ID tokens that must not be believed, one issuer for each.

use super::world::{ADA, Site};
use crate::support::issuer::{ACCESS_TOKEN, FOREIGN, Flow, KEYS, Reply, Script, b64, header_of, now};
use aws_lc_rs::hmac;
use futures_util::StreamExt as _;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

type Case = (String, &'static str, Script);

fn case(name: impl Into<String>, code: &'static str, script: Script) -> Case {
    (name.into(), code, script)
}

fn token(make: impl Fn(&Flow) -> String + Send + Sync + 'static) -> Script {
    Script { id_token: Arc::new(make), ..Script::default() }
}

/// Signed well, with other claims.
fn claims(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Script {
    token(move |flow| {
        let mut claims = flow.claims();
        change(&mut claims);
        KEYS.token("ed", &header_of("ed"), &claims.to_string())
    })
}

fn with(claim: &'static str, value: Value) -> Script {
    claims(move |claims| claims[claim] = value.clone())
}

fn without(claim: &'static str) -> Script {
    claims(move |claims| {
        claims.as_object_mut().unwrap().remove(claim);
    })
}

/// Signed well with one of our keys, under another header.
fn header(kid: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Script {
    token(move |flow| {
        let mut header = header_of(kid);
        change(&mut header);
        KEYS.token(kid, &header, &flow.claims().to_string())
    })
}

/// With a signature of the test's choice.
fn signed(header: Value, sign: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Script {
    token(move |flow| {
        let input =
            format!("{}.{}", b64(header.to_string().as_bytes()), b64(flow.claims().to_string().as_bytes()));
        format!("{input}.{}", b64(&sign(&input)))
    })
}

fn hmac_with(key: Vec<u8>) -> impl Fn(&str) -> Vec<u8> {
    move |input| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), input.as_bytes()).as_ref().to_vec()
}

/// CVE-2025-24976, CVE-2022-29165: the token chose how it was checked.
fn signatures() -> Vec<Case> {
    let modulus = KEYS.jwks()["keys"][0]["n"].as_str().unwrap().to_owned();
    let foreign_key = FOREIGN.jwks()["keys"][2].clone();
    let foreign = |header: Value| signed(header, |input| FOREIGN.sign("ed", input.as_bytes()));
    let mut with_key = header_of("ed");
    with_key["jwk"] = foreign_key;
    let mut cases = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE"] {
        cases.push(case(format!("alg {alg}"), "login_failed", signed(json!({ "alg": alg }), |_| Vec::new())));
    }
    cases.extend([
        case(
            "alg none with a kid",
            "login_failed",
            signed(json!({ "alg": "none", "kid": "ed" }), |_| Vec::new()),
        ),
        case(
            "HS256 with the public modulus",
            "login_failed",
            signed(json!({ "alg": "HS256", "kid": "rsa" }), hmac_with(modulus.into_bytes())),
        ),
        case(
            "HS256 with the client secret",
            "login_failed",
            signed(json!({ "alg": "HS256" }), hmac_with(b"client-secret".to_vec())),
        ),
        case(
            "HS256 with nothing",
            "login_failed",
            signed(json!({ "alg": "HS256", "kid": "ed" }), hmac_with(Vec::new())),
        ),
        case("lower-case algorithm", "login_failed", header("ed", |header| header["alg"] = json!("eddsa"))),
        case("RS256 header on EdDSA", "login_failed", header("ed", |header| header["alg"] = json!("RS256"))),
        case(
            "no algorithm",
            "login_failed",
            header("ed", |header| {
                header.as_object_mut().unwrap().remove("alg");
            }),
        ),
        case("algorithm as a list", "login_failed", header("ed", |header| header["alg"] = json!(["EdDSA"]))),
        case("PS256", "login_failed", header("rsa", |header| header["alg"] = json!("PS256"))),
        case("RS512 header on RS256", "login_failed", header("rsa", |header| header["alg"] = json!("RS512"))),
        case("key inside the header", "login_failed", foreign(with_key)),
        case(
            "key behind a link",
            "login_failed",
            foreign(json!({ "alg": "EdDSA", "kid": "ed", "jku": "http://127.0.0.1:1/jwks" })),
        ),
        case(
            "certificate inside the header",
            "login_failed",
            foreign(json!({ "alg": "EdDSA", "kid": "ed", "x5c": ["MIIB"], "x5u": "http://127.0.0.1:1" })),
        ),
        case("somebody else's key of the same name", "login_failed", foreign(header_of("ed"))),
        case(
            "somebody else's RSA key of the same name",
            "login_failed",
            signed(header_of("rsa"), |input| FOREIGN.sign("rsa", input.as_bytes())),
        ),
        case(
            "somebody else's EC key of the same name",
            "login_failed",
            signed(header_of("ec"), |input| FOREIGN.sign("ec", input.as_bytes())),
        ),
        case("unknown key", "login_failed", header("ed", |header| header["kid"] = json!("other"))),
        case(
            "kid of a path",
            "login_failed",
            header("ed", |header| header["kid"] = json!("../../../../dev/null")),
        ),
        case(
            "kid of SQL",
            "login_failed",
            header("ed", |header| header["kid"] = json!("x' UNION SELECT 'k")),
        ),
        case("kid as a number", "login_failed", header("ed", |header| header["kid"] = json!(7))),
        case("ES256 signature of zeros", "login_failed", signed(header_of("ec"), |_| vec![0; 64])),
        case("EdDSA signature of zeros", "login_failed", signed(header_of("ed"), |_| vec![0; 64])),
        case("RS256 signature of zeros", "login_failed", signed(header_of("rsa"), |_| vec![0; 256])),
        case("empty signature", "login_failed", signed(header_of("ed"), |_| Vec::new())),
        case(
            "cut signature",
            "login_failed",
            signed(header_of("ed"), |input| KEYS.sign("ed", input.as_bytes())[..63].to_vec()),
        ),
        case("critical extension", "login_failed", header("ed", |header| header["crit"] = json!(["exp"]))),
        case("token in a token", "login_failed", header("ed", |header| header["cty"] = json!("JWT"))),
        case("another type", "login_failed", header("ed", |header| header["typ"] = json!("at+jwt"))),
        case(
            "changed claims",
            "login_failed",
            token(|flow| {
                let good = KEYS.token("ed", &header_of("ed"), &flow.claims().to_string());
                let parts: Vec<_> = good.split('.').collect();
                let mut claims = flow.claims();
                claims["email"] = json!("admin@corp.example");
                format!("{}.{}.{}", parts[0], b64(claims.to_string().as_bytes()), parts[2])
            }),
        ),
        case("five parts", "login_failed", token(|_| "a.b.c.d.e".into())),
        case("no token at all", "login_failed", token(|_| String::new())),
        case(
            "claims that are no JSON",
            "login_failed",
            token(|_| KEYS.token("ed", &header_of("ed"), "not json")),
        ),
        case(
            "claims twice",
            "login_failed",
            token(|flow| {
                let claims = flow.claims().to_string();
                let twice = claims.replacen('{', r#"{"email":"admin@corp.example","#, 1);
                KEYS.token("ed", &header_of("ed"), &twice)
            }),
        ),
    ]);
    cases
}

/// CVE-2026-25537: a claim of the wrong type was skipped.
fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    let wrong = [
        ("text", json!("x")),
        ("float", json!(1.5)),
        ("list", json!([])),
        ("null", json!(null)),
        ("object", json!({})),
        ("true", json!(true)),
        ("negative", json!(-1)),
        ("huge", json!(i64::MAX)),
        ("larger than any", json!(u64::MAX)),
        ("zero", json!(0)),
    ];
    for claim in ["exp", "iat", "nbf"] {
        for (kind, value) in &wrong {
            // Valid since 1970 says nothing bad.
            if claim == "nbf" && ["zero", "negative"].contains(kind) {
                continue;
            }
            cases.push(case(format!("{claim} as {kind}"), "login_failed", with(claim, value.clone())));
        }
        cases.push(case(
            format!("{claim} as a number in text"),
            "login_failed",
            with(claim, json!(now().to_string())),
        ));
    }
    for claim in ["iss", "sub", "aud", "nonce", "azp", "email", "at_hash", "name"] {
        for (kind, value) in [
            ("number", json!(7)),
            ("list of one number", json!([7])),
            ("null", json!(null)),
            ("object", json!({})),
        ] {
            cases.push(case(format!("{claim} as {kind}"), "login_failed", with(claim, value)));
        }
    }
    for claim in ["exp", "iat", "iss", "sub", "aud", "nonce"] {
        cases.push(case(format!("no {claim}"), "login_failed", without(claim)));
    }
    cases
}

/// CVE-2024-5798, CVE-2023-22482, CVE-2026-55669: the token was meant for somebody else.
fn meanings() -> Vec<Case> {
    let client = "gateway-client";
    vec![
        case("another audience", "login_failed", with("aud", json!("other"))),
        case("another audience in a list", "login_failed", with("aud", json!(["other"]))),
        case("a further audience", "login_failed", with("aud", json!([client, "other"]))),
        case("no audience in a list", "login_failed", with("aud", json!([]))),
        case(
            "an audience that only begins like ours",
            "login_failed",
            with("aud", json!("gateway-client-2")),
        ),
        case("an audience in another case", "login_failed", with("aud", json!("Gateway-Client"))),
        case("issued to another client", "login_failed", with("azp", json!("other"))),
        case("another issuer", "login_failed", with("iss", json!("https://accounts.google.com"))),
        case(
            "an issuer with a slash",
            "login_failed",
            claims(|claims| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap()))),
        ),
        case("an empty subject", "login_failed", with("sub", json!(""))),
        case("an endless subject", "login_failed", with("sub", json!("x".repeat(256)))),
        case("a subject with a line break", "login_failed", with("sub", json!("a\nb"))),
        case("expired", "login_failed", with("exp", json!(now() - 1))),
        case("valid for a century", "login_failed", with("exp", json!(now() + 3_000_000_000_i64))),
        case(
            "issued tomorrow",
            "login_failed",
            claims(|claims| {
                claims["iat"] = json!(now() + 86_400);
                claims["exp"] = json!(now() + 90_000);
            }),
        ),
        case("issued yesterday", "login_failed", with("iat", json!(now() - 86_400))),
        case("not valid yet", "login_failed", with("nbf", json!(now() + 3_600))),
        case("another nonce", "login_failed", with("nonce", json!("other"))),
        case("an empty nonce", "login_failed", with("nonce", json!(""))),
        case(
            "at_hash of another token",
            "login_failed",
            with("at_hash", json!(b64(&Sha256::digest(b"other")[..16]))),
        ),
        case("an empty at_hash", "login_failed", with("at_hash", json!(""))),
    ]
}

/// CVE-2026-40574, CVE-2026-55075, CVE-2024-27918: an address that was not the person's.
fn addresses() -> Vec<Case> {
    let mut cases = vec![
        case("not verified", "email_unverified", with("email_verified", json!(false))),
        case("verified not said", "email_unverified", without("email_verified")),
        case("verified as text", "login_failed", with("email_verified", json!("true"))),
        case("verified as a number", "login_failed", with("email_verified", json!(1))),
        case("verified as null", "login_failed", with("email_verified", json!(null))),
        case("another organization", "not_allowed", with("hd", json!("evil.example"))),
    ];
    for email in [
        "ada@evil.example@corp.example",
        "ada@corp.example@evil.example",
        "\"ada@corp.example\"@evil.example",
        " ada@corp.example",
        "ada@corp.example ",
        "ada@corp.example\n",
        "ada@corp.example\u{0}",
        "аda@corp.example",
        "ada@сorp.example",
        "ada@corp.example\u{200b}",
        "ada@",
        "@corp.example",
        "ada",
        "",
        "ada@corp。example",
        "<ada@corp.example>",
        "ada@corp.example,eve@evil.example",
        "ada@evil.example (ada@corp.example)",
    ] {
        cases.push(case(format!("address {email:?}"), "email_unverified", with("email", json!(email))));
    }
    for email in [
        "ada@evil.example",
        "ada@corp.example.evil.example",
        "ada@evilcorp.example",
        "ada@sub.corp.example",
        "ada@corp.example.",
        "ada@corp.exampl",
        "ada@corp-example",
        "ada%corp.example@evil.example",
        "ada@example",
    ] {
        cases.push(case(format!("address {email:?}"), "not_allowed", with("email", json!(email))));
    }
    cases
}

fn text(status: StatusCode, kind: &'static str, text: &str) -> Reply {
    Reply::Text(status, kind, text.to_owned())
}

/// CVE-2026-26998: what a provider answers had no bound.
fn answers() -> Vec<Case> {
    let down = "provider_unavailable";
    let discovery = |reply| Script { discovery: Some(reply), ..Script::default() };
    let jwks = |reply| Script { jwks: reply, ..Script::default() };
    let exchange = |reply| Script { token: Some(reply), ..Script::default() };
    let json = "application/json";
    let other = json!({
        "issuer": "https://accounts.google.com", "authorization_endpoint": "https://a/a", "token_endpoint": "https://a/t", "jwks_uri": "https://a/j",
        "response_types_supported": ["code"], "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
    });
    vec![
        case("endless discovery", down, discovery(Reply::Endless)),
        case("redirected discovery", down, discovery(Reply::Redirect("https://evil.example/".into()))),
        case("slow discovery", down, discovery(Reply::Slow)),
        case("discovery 500", down, discovery(text(StatusCode::INTERNAL_SERVER_ERROR, json, "{}"))),
        case("discovery 404", down, discovery(text(StatusCode::NOT_FOUND, json, "{}"))),
        case("discovery in HTML", down, discovery(text(StatusCode::OK, "text/html", "<h1>hello</h1>"))),
        case("discovery that is no object", down, discovery(text(StatusCode::OK, json, "[]"))),
        case("discovery of another issuer", down, discovery(Reply::Json(other))),
        case("endless keys", down, jwks(Reply::Endless)),
        case("redirected keys", down, jwks(Reply::Redirect("https://evil.example/".into()))),
        case("keys 500", down, jwks(text(StatusCode::INTERNAL_SERVER_ERROR, json, "{}"))),
        case("no keys", "login_failed", jwks(Reply::Json(json!({ "keys": [] })))),
        case("keys for encryption", "login_failed", jwks(Reply::Json(for_encryption()))),
        case("endless token answer", down, exchange(Reply::Endless)),
        case("redirected token answer", down, exchange(Reply::Redirect("https://evil.example/".into()))),
        case("slow token answer", down, exchange(Reply::Slow)),
        case("token answer 500", down, exchange(text(StatusCode::INTERNAL_SERVER_ERROR, json, "{}"))),
        case("token answer in HTML", down, exchange(text(StatusCode::OK, "text/html", "<h1>hello</h1>"))),
        case("token answer that is no object", "login_failed", exchange(text(StatusCode::OK, json, "[]"))),
        case(
            "token answer without ID token",
            "login_failed",
            exchange(Reply::Json(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer" }))),
        ),
        case(
            "code refused",
            "login_failed",
            exchange(text(StatusCode::BAD_REQUEST, json, r#"{"error":"invalid_grant"}"#)),
        ),
    ]
}

fn for_encryption() -> Value {
    let mut jwks = KEYS.jwks();
    for key in jwks["keys"].as_array_mut().unwrap() {
        key["use"] = json!("enc");
    }
    jwks
}

/// Userinfo speaks only when the token says too little.
fn userinfo() -> Vec<Case> {
    let silent = |reply| {
        let mut script = without("email");
        script.userinfo = Some(reply);
        script
    };
    let about = |sub: &str, verified: Value| {
        Reply::Json(json!({ "sub": sub, "email": ADA, "email_verified": verified }))
    };
    vec![
        case("userinfo about somebody else", "login_failed", silent(about("subject-2", json!(true)))),
        case(
            "userinfo about nobody",
            "login_failed",
            silent(Reply::Json(json!({ "email": ADA, "email_verified": true }))),
        ),
        case("userinfo unverified", "email_unverified", silent(about("subject-1", json!(false)))),
        case("userinfo verified as text", "login_failed", silent(about("subject-1", json!("true")))),
        case(
            "verified in the token, address from userinfo",
            "email_unverified",
            silent(Reply::Json(json!({ "sub": "subject-1", "email": ADA }))),
        ),
        case("endless userinfo", "provider_unavailable", silent(Reply::Endless)),
        case(
            "userinfo 500",
            "provider_unavailable",
            silent(text(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}")),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_answer_opens_a_session() {
    let cases: Vec<Case> = [signatures(), types(), meanings(), addresses(), answers(), userinfo()]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 60, "only {}", cases.len());
    let names: Vec<String> = (0..cases.len()).map(|index| format!("p{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let site = Site::with(&names, "").await;
    site.add_user(ADA).await;

    let runs = cases.into_iter().zip(&names).map(|((what, expected, script), name)| {
        site.issuers.add(name, script);
        let site = &site;
        async move {
            let landing = site.browser().login(name).await;
            assert_eq!(landing.status, 302, "{what}: {landing:?}");
            assert_eq!(landing.code(), Some(expected), "{what}: {landing:?}");
            assert_eq!(landing.session, None, "{what}");
            let record = site
                .gateway
                .lines
                .wait_for(|record| record["request_id"] == landing.request_id.as_str())
                .await;
            assert_eq!(
                (&record["rbac_decision"], &record["action_type"]),
                (&json!("deny"), &json!("auth")),
                "{what}: {record}"
            );
            assert!(record["reason"].as_str().is_some_and(|why| !why.is_empty()), "{what}: {record}");
        }
    });
    // Some wait for five seconds, so several at once.
    futures_util::stream::iter(runs).for_each_concurrent(12, |run| run).await;

    let db = &site.gateway.db;
    let ada = db.user_by_email(ADA).await.unwrap();
    assert_eq!(db.sessions_of(ada.id).await.unwrap(), []);
    assert_eq!(db.identities_of(ada.id).await.unwrap(), []);
    assert_eq!(db.users().await.unwrap().len(), 1);
    site.gateway.stop().await;
}

/// What the cases above are changed from does open one, by each kind of key.
#[tokio::test]
async fn good_tokens_of_each_kind_open_one() {
    let kinds = ["rsa", "ec", "ed"];
    let site = Site::with(&kinds, "").await;
    site.add_user(ADA).await;
    for kid in kinds {
        site.issuers.add(
            kid,
            token(move |flow| {
                let mut claims = flow.claims();
                let hash = Sha256::digest(ACCESS_TOKEN.as_bytes());
                // EdDSA hashes with SHA-512.
                if kid != "ed" {
                    claims["at_hash"] = json!(b64(&hash[..16]));
                }
                claims["azp"] = json!("gateway-client");
                claims["aud"] = json!(["gateway-client"]);
                KEYS.token(kid, &header_of(kid), &claims.to_string())
            }),
        );
        let landing = site.browser().login(kid).await;
        assert_eq!(landing.location, "/app/account/security?enrollment=required", "{kid}: {landing:?}");
        assert!(landing.session.is_some(), "{kid}");
    }
    site.gateway.stop().await;
}
