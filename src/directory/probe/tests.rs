use super::*;
use crate::directory::AddressRules;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

fn prober() -> Prober {
    let rules = AddressRules { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressRules::default() };
    Prober::new(AddressGuard::new(rules, Vec::new()))
}

/// A server that gives each client the same bytes, whatever it asks for.
async fn server(answer: &'static str) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 1_024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    Address::from_url(&format!("http://127.0.0.1:{port}/base")).unwrap()
}

fn check(kind: CheckKind) -> Check {
    Check { kind, timeout: Duration::from_millis(700), ..Check::default() }
}

async fn http(answer: &'static str, expect: Option<u16>) -> Finding {
    let check = Check { expect, ..check(CheckKind::Http) };
    prober().look("web", &server(answer).await, &check).await
}

/// CVE-2022-29153: a health check followed a redirect inside.
#[tokio::test]
async fn answers_are_judged() {
    assert_eq!(http("HTTP/1.1 204 No Content\r\n\r\n", None).await, Finding::Passing);
    assert_eq!(http("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", None).await, Finding::Passing);
    let wrong = |text: &str| Finding::Wrong(text.to_owned());
    assert_eq!(http("HTTP/1.1 500 X\r\n\r\n", None).await, wrong("answered 500"));
    let redirect = "HTTP/1.1 302 X\r\nlocation: http://169.254.169.254/\r\n\r\n";
    assert_eq!(http(redirect, None).await, wrong("answered 302"), "no redirect is followed");
    assert_eq!(http("HTTP/1.1 302 X\r\n\r\n", Some(302)).await, Finding::Passing);
    assert_eq!(http("HTTP/1.1 200 OK\r\n\r\n", Some(302)).await, wrong("answered 200"));
    assert_eq!(http("HTTP/1.1 429 X\r\n\r\n", None).await, Finding::Warning("answered 429".to_owned()));
    assert!(matches!(http("SSH-2.0-x\r\n", None).await, Finding::Wrong(_)));
    assert!(matches!(http("", None).await, Finding::Away(_)), "it says nothing");
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_its_end() {
    let bomb: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(1 << 20)).into_boxed_str());
    assert!(matches!(http(bomb, None).await, Finding::Wrong(_)));
}

#[tokio::test]
async fn a_connection_is_enough_for_tcp() {
    assert_eq!(prober().look("web", &server("").await, &check(CheckKind::Tcp)).await, Finding::Passing);
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let closed = Address::from_url(&format!("http://127.0.0.1:{port}")).unwrap();
    let found = prober().look("web", &closed, &check(CheckKind::Tcp)).await;
    assert_eq!(found, Finding::Away("connection refused".to_owned()));
}

#[tokio::test]
async fn what_must_not_be_dialled_is_not() {
    let own = server("HTTP/1.1 200 OK\r\n\r\n").await;
    let strict = Prober::new(AddressGuard::new(AddressRules::default(), Vec::new()));
    assert!(matches!(strict.look("web", &own, &check(CheckKind::Http)).await, Finding::Wrong(_)));
    let name = Address { host: "localhost".to_owned(), ..own };
    assert!(matches!(strict.look("web", &name, &check(CheckKind::Tcp)).await, Finding::Wrong(_)));
}

#[test]
fn the_path_of_the_check_comes_before_the_instance_s() {
    let address = Address::from_url("http://web:8080/base").unwrap();
    let path = |check: &Check| request(&address, check).unwrap().uri().to_string();
    assert_eq!(path(&Check::default()), "/base");
    let health = Check { path: "/healthz?full=1".to_owned(), ..Check::default() };
    assert_eq!(path(&health), "/healthz?full=1");
}
