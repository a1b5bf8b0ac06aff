//! People hear of logins from devices that are new to them.

use super::{TestGateway, request_of};
use serde_json::json;

async fn log_in(gateway: &TestGateway, person: &super::Browser, device: &str) {
    let started = gateway.ask("cli/start", json!({ "device_id": device, "device_name": "a laptop" })).await;
    gateway.decide(person, &request_of(&started), "approve").await.is(200);
    let completion =
        json!({ "state": started.text("state"), "code_verifier": started.text("code_verifier") });
    gateway.ask("cli/complete", completion).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_is_told_of_once() {
    let variables = [
        ("LOGIN_RATE_LIMIT_PER_MINUTE", "1000"),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "1"),
        ("SMTP_TLS", "none"),
        ("SMTP_FROM", "gateway@example.com"),
    ];
    let gateway = TestGateway::with(variables).await;
    let person = gateway.browser().await;
    for (device, told) in [("d-1", 1), ("d-1", 1), ("d-2", 2), ("", 3)] {
        log_in(&gateway, &person, device).await;
        let mail = gateway.db.mail().await.unwrap();
        assert_eq!(mail.len(), told, "{device}");
        let last = mail.last().unwrap();
        assert_eq!((last.recipient.as_str(), last.sent_at), (person.email.as_str(), None));
        assert!(
            last.body.contains("Device: a laptop") && last.body.contains("Address: 127.0.0.1"),
            "{}",
            last.body
        );
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nothing_waits() {
    let gateway = super::gateway().await;
    let person = gateway.browser().await;
    log_in(&gateway, &person, "d-1").await;
    assert!(gateway.db.mail().await.unwrap().is_empty());
    gateway.stop().await;
}
