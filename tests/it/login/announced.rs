//! What the start says of the ways in, to whoever runs the program.

use crate::support::process::Process;
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use std::time::Duration;

const NO_ONES: [(&str, &str); 1] = [("PUBLIC_URL", "https://gateway.example.com:8443")];

async fn said(variables: &[(&str, &str)], wanted: &str) -> String {
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let mut process = Process::start(&rack.url(), variables).await;
    let mut text = String::new();
    for _ in 0..800 {
        text = process.log.text();
        if text.contains(wanted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    process.stop().await;
    assert!(text.contains(wanted), "{wanted} in {text}");
    text
}

#[tokio::test]
async fn the_site_that_passkeys_belong_to() {
    said(&NO_ONES, "WebAuthn enabled: rpid=gateway.example.com origin=https://gateway.example.com:8443")
        .await;
    let parent = [
        ("PUBLIC_URL", "https://gateway.example.com"),
        ("WEBAUTHN_RP_ID", "example.com"),
        ("WEBAUTHN_ORIGIN", "https://rgw.example.com"),
    ];
    said(&parent, "WebAuthn enabled: rpid=example.com origin=https://rgw.example.com").await;
    let text = said(&[("PUBLIC_URL", "http://192.0.2.7:8443")], "WebAuthn disabled: ").await;
    assert!(!text.contains("WebAuthn enabled"), "{text}");
}

/// The link is for whoever starts the program, and not for those who read its log.
#[tokio::test]
async fn the_way_in_for_a_named_administrator() {
    let text = said(&[("ADMIN_USERS", "ada@corp.example")], "/app/welcome#rgl_").await;
    assert!(text.contains("ada@corp.example has no way to log in yet"), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("rgl_")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].trim_start().starts_with("http://"), "not inside of a line of the log: {}", lines[0]);
}
