//! A new certificate while connections are open.

use super::tls::{connect, files, status, token};
use crate::support::{
    gateway::TestGateway,
    socket::{MARKER, exec},
    tls::Authority,
    wire::{SOON, Wire, basic},
};
use rack_gateway::boot::Reloaded;
use tokio::time::timeout;

#[tokio::test]
async fn newcomers_see_the_new_one_and_who_is_connected_is_not_disturbed() {
    let (directory, before, after) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let names = ["127.0.0.1", "gateway.example.com"];
    let old = before.sign(&names);
    let (cert, key) = files(&directory, &old.pem, &old.key_pem);
    let mut gateway = TestGateway::with([("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", &key)]).await;
    let mut reloader = gateway.reloader();
    let token = token(&gateway, &before, "ops").await;

    let mut command = Wire::on(connect(&gateway, &before, &["http/1.1"]).await.unwrap());
    command.send(exec(&token, "echo begun; sleep 2; exit 7")).await;
    assert_eq!(command.head().await.status(), 101);
    let mut kept = Wire::on(connect(&gateway, &before, &["http/1.1"]).await.unwrap());
    let ask = format!("GET /api/v1/rack-proxy/system HTTP/1.1\r\nHost: gateway\r\n{}\r\n", basic(&token));
    kept.send(ask.clone()).await;
    let head = kept.head().await;
    assert_eq!(head.status(), 200);
    kept.body(&head).await;

    assert_eq!(reloader.reload().await, Reloaded::Unchanged);
    let new = after.sign(&names);
    files(&directory, &new.pem, &new.key_pem);
    assert_eq!(reloader.reload().await, Reloaded::Applied(vec!["certificate".to_owned()]));
    assert_eq!(status(&gateway, &after, &token).await, 200, "newcomers who trust the new one");
    assert!(connect(&gateway, &before, &[]).await.is_err(), "and nobody else");
    gateway.lines.wait_for(|record| record["action"] == "certificate.replace").await;

    kept.send(ask).await;
    assert_eq!(kept.head().await.status(), 200, "an open connection is served on");
    let exit = format!("{MARKER}7\n");
    let read = async {
        while !command.buffered.windows(exit.len()).any(|window| window == exit.as_bytes()) {
            assert!(command.fill().await, "the command was cut");
        }
    };
    timeout(SOON, read).await.unwrap();
}

#[tokio::test]
async fn a_bad_one_is_refused_and_the_old_one_shown_on() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let names = ["127.0.0.1", "gateway.example.com"];
    let (old, other) = (authority.sign(&names), authority.sign(&names));
    let (cert, key) = files(&directory, &old.pem, &old.key_pem);
    let mut gateway = TestGateway::with([("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", &key)]).await;
    let mut reloader = gateway.reloader();
    let expired = authority.sign_until(&names, 2020);
    for (certificate, key, why) in [
        ("garbage", "garbage", "cert.pem"),
        (&old.pem, "garbage", "key.pem"),
        (&other.pem, &old.key_pem, "does the key belong to the certificate?"),
        (&expired.pem, &expired.key_pem, "expired at 2020-01-01"),
    ] {
        files(&directory, certificate, key);
        let Reloaded::Refused(said) = reloader.reload().await else { panic!("{why} was taken") };
        assert!(said.contains(why), "{said}");
        assert_eq!(status(&gateway, &authority, "nobody").await, 401);
    }
    std::fs::remove_file(&cert).unwrap();
    assert!(matches!(reloader.reload().await, Reloaded::Refused(_)), "not even a file");
    assert_eq!(status(&gateway, &authority, "nobody").await, 401);
    files(&directory, &other.pem, &other.key_pem);
    assert_eq!(reloader.reload().await, Reloaded::Applied(vec!["certificate".to_owned()]));
}
