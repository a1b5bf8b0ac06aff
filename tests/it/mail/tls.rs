//! Mail over TLS: from the first byte, or after STARTTLS; never in the clear when TLS was asked for.

use super::server::{Begins, MailServer};
use crate::support::tls::{Authority, Identity};
use rack_gateway::{
    config::{Config, MapEnv},
    core::Timestamp,
    notify::mail::{MailError, Smtp},
    store::MailRow,
};
use std::io::Write as _;
use tempfile::NamedTempFile;

const WAYS: [(Begins, &str); 2] = [(Begins::Outside, "starttls"), (Begins::Inside, "tls")];

struct Site {
    authority: Authority,
    file: NamedTempFile,
}

impl Site {
    fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let authority = Authority::new();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(authority.pem.as_bytes()).unwrap();
        Self { authority, file }
    }

    /// The way to `server` for a gateway that trusts the authority.
    fn smtp(&self, server: &MailServer, word: &str) -> Smtp {
        let env = MapEnv::from([
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_FROM", "gateway@example.com"),
            ("SMTP_USERNAME", "gateway"),
            ("SMTP_PASSWORD", "hunter2"),
        ])
        .with("SMTP_TLS", word)
        .with("SMTP_PORT", server.address.port().to_string())
        .with("SMTP_CA_FILE", self.file.path().display().to_string());
        Smtp::new(&Config::load(&env, None).unwrap().mail.unwrap()).unwrap()
    }
}

fn mail() -> MailRow {
    let at = Timestamp::from_micros(1_769_860_800_000_000);
    MailRow::new("ada@example.com", "hello", "inside", at)
}

#[tokio::test]
async fn mail_goes_inside_of_tls_both_ways() {
    let site = Site::new();
    let identity = site.authority.sign(&["127.0.0.1"]);
    for (begins, word) in WAYS {
        let server = MailServer::with_tls(&identity, begins).await;
        site.smtp(&server, word).send(&mail()).await.unwrap();
        assert_eq!(server.count(), 1, "{word}");
        let heard = server.heard.lock().unwrap().clone();
        let expected: &[&str] = match begins {
            Begins::Outside => &["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"],
            Begins::Inside => &["EHLO", "AUTH", "MAIL", "RCPT", "DATA"],
        };
        assert_eq!(heard[..expected.len()], *expected, "{word}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_verified_hears_neither_password_nor_mail() {
    let site = Site::new();
    let others = Authority::new();
    let good = site.authority.sign(&["127.0.0.1"]);
    let bad: [(&str, Identity); 4] = [
        ("another name", site.authority.sign(&["mail.example.com"])),
        ("another authority", others.sign(&["127.0.0.1"])),
        ("expired", site.authority.sign_until(&["127.0.0.1"], 2020)),
        ("another key", good.with_key_of(&others.sign(&["127.0.0.1"]))),
    ];
    for (why, identity) in &bad {
        for (begins, word) in WAYS {
            let server = MailServer::with_tls(identity, begins).await;
            let error = site.smtp(&server, word).send(&mail()).await.unwrap_err();
            assert!(matches!(error, MailError::Smtp(_)) && !error.is_final(), "{why} {word}: {error}");
            let heard = server.heard.lock().unwrap().clone();
            assert!(
                !heard.iter().any(|verb| ["AUTH", "MAIL", "DATA"].contains(&&**verb)),
                "{why}: {heard:?}"
            );
            assert_eq!(server.count(), 0, "{why} {word}");
        }
    }
}

/// What stands between could strip the offer.
#[tokio::test]
async fn a_server_that_does_not_offer_tls_gets_nothing() {
    let site = Site::new();
    let server = MailServer::start().await;
    let error = site.smtp(&server, "starttls").send(&mail()).await.unwrap_err();
    assert!(matches!(error, MailError::Smtp(_)) && !error.is_final(), "{error}");
    let heard = server.heard.lock().unwrap().clone();
    assert!(!heard.iter().any(|verb| ["AUTH", "MAIL", "DATA"].contains(&&**verb)), "{heard:?}");
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_named_at_the_start() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let env = MapEnv::from([("SMTP_HOST", "127.0.0.1"), ("SMTP_FROM", "gateway@example.com")])
            .with("SMTP_CA_FILE", file.path().display().to_string());
        let config = Config::load(&env, None).unwrap().mail.unwrap();
        let error = Smtp::new(&config).unwrap_err().to_string();
        assert!(
            error.contains(&file.path().display().to_string()) || error.contains("ertificate"),
            "{error}"
        );
    }
}
