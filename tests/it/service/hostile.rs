//! What a client sends that must not reach a service, and what a service must not do to the gateway.

use super::{
    call, gateway, register,
    server::{Server, header},
};
use crate::support::wire::{Wire, basic};
use serde_json::Value;

#[tokio::test]
async fn nothing_that_could_be_taken_for_the_gateways_word_reaches_a_service() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let forged = "X-Forwarded-User: root@example.com\r\nx.forwarded.user: root@example.com\r\n\
                  X-Forwarded-Identity: eyJ\r\nX.Forwarded.Identity: eyJ\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
                  X-Request-Id: 1\r\nProxy-Authorization: Basic eA==\r\nRemote-User: root\r\nX-Mfa-Totp: 123456\r\nTE: trailers, gzip\r\n\
                  Cookie: mine=1; session_token=rgs_secret; __Host-session_token=rgs_secret\r\nX-Private: 1\r\n";
    let mut wire = Wire::open(gateway.address()).await;
    wire.send(format!(
        "GET /svc/web/x HTTP/1.1\r\nHost: gateway.example\r\nConnection: close, X-Private\r\n{}{forged}X-Own: kept\r\n\r\n",
        basic(&admin)
    ))
    .await;
    let head = wire.head().await;
    assert_eq!(head.status(), 200);
    let text = wire.body(&head).await.text();
    for word in
        ["root", "6.6.6.6", "evil.example", "rgs_secret", "123456", "X-Private", "x-private", &admin, "Basic"]
    {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let said: Value = serde_json::from_str(&text).unwrap();
    let email = header(&said, "x-forwarded-user").unwrap();
    assert!(email.starts_with("admin-"), "{email}");
    for (name, expected) in [
        ("x-own", Some("kept")),
        ("cookie", Some("mine=1")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("gateway.example")),
        ("x-forwarded-prefix", Some("/svc/web")),
        ("forwarded", Some("for=127.0.0.1;host=\"gateway.example\";proto=http")),
        ("host", Some(&*server.at.to_string())),
        ("authorization", None),
        ("x-forwarded-port", None),
    ] {
        assert_eq!(header(&said, name), expected, "{name}");
    }
    // With underscores, not even the listener lets them in.
    for name in ["X_Forwarded_User", "x-forwarded_identity", "X_Real_IP"] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!("GET /svc/web/x HTTP/1.1\r\nHost: g\r\n{}{name}: root\r\n\r\n", basic(&admin)))
            .await;
        assert_eq!(wire.head().await.status(), 400, "{name}");
    }
    assert_eq!(server.hits(), 1);
    let ours = said["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == "x-forwarded-user");
    assert_eq!(ours.count(), 1);
}

#[tokio::test]
async fn a_session_cookie_calls_no_service() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let person = gateway.session("admin").await;
    for request in ["GET /svc/web/x", "POST /svc/web/x"] {
        assert_eq!(
            gateway.by_page(&person, request).send().await.unwrap().status().as_u16(),
            401,
            "{request}"
        );
    }
    assert_eq!(server.hits(), 0);
    let own = gateway.plain("GET /svc/web/x").bearer_auth(&person.secret).send().await.unwrap();
    assert_eq!(own.status().as_u16(), 200, "a command line's session is a credential like a token");
    let said: Value = own.json().await.unwrap();
    assert!(!said.to_string().contains(&person.secret));
}

#[tokio::test]
async fn a_service_sets_no_cookie_for_the_host_and_its_pages_stay_in_a_sandbox() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let answer = call(&gateway, &admin, "GET /web/cookies").send().await.unwrap();
    let cookies: Vec<_> =
        answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(cookies, ["mine=1; Path=/svc/web/; HttpOnly"]);
    let policies: Vec<_> = answer
        .headers()
        .get_all("content-security-policy")
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    assert_eq!(policies[0], "default-src *");
    assert!(
        policies[1].starts_with("sandbox ") && !policies[1].contains("allow-same-origin"),
        "{policies:?}"
    );
}

#[tokio::test]
async fn some_methods_and_protocols_are_refused() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    assert_eq!(call(&gateway, &admin, "TRACE /web/x").send().await.unwrap().status().as_u16(), 405);
    assert_eq!(server.hits(), 0);
    let upgraded = call(&gateway, &admin, "GET /web/upgrade").send().await.unwrap();
    assert_eq!(upgraded.status().as_u16(), 502, "nobody asked for another protocol");
    // An upgrade to anything but a websocket is not offered to the service.
    let mut wire = Wire::open(gateway.address()).await;
    wire.send(format!(
        "GET /svc/web/x HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n{}\r\n",
        basic(&admin)
    ))
    .await;
    let head = wire.head().await;
    assert_eq!(head.status(), 200);
    let text = wire.body(&head).await.text();
    assert!(!text.contains("h2c") && !text.contains("http2-settings"), "{text}");
}
