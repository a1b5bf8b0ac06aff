use super::*;
use std::{collections::VecDeque, sync::Mutex};

fn guard(allow: &[&str], deny: &[&str]) -> AddressGuard {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    AddressGuard::new(AddressRules { allow: nets(allow), deny: nets(deny), ports: Vec::new() }, Vec::new())
}

fn check(guard: &AddressGuard, url: &str) -> Result<(), Forbidden> {
    guard.check_text(&Address::from_url(url).unwrap())
}

#[test]
fn what_belongs_to_the_machine_or_the_cloud_is_closed() {
    let guard = guard(&[], &[]);
    for url in [
        "http://127.0.0.1",
        "http://127.9.9.9:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://a.localhost",
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:127.0.0.1]",
        "http://[64:ff9b::7f00:1]",
        "http://[2002:a9fe:a9fe::1]",
        "http://[::7f00:1]",
        "http://[fd00:ec2::254]",
        "http://[fe80::1]",
        "http://metadata.google.internal",
        "http://METADATA.google.internal.",
        "http://100.100.100.200",
        "http://168.63.129.16",
        "http://0.0.0.0",
        "http://0.1.2.3",
        "http://[::]",
        "http://224.0.0.1",
        "http://255.255.255.255",
    ] {
        assert!(check(&guard, url).is_err(), "{url}");
    }
    for url in
        ["http://10.0.0.1", "http://web:8080", "http://[2001:db8::1]", "http://192.168.1.1", "http://8.8.8.8"]
    {
        assert_eq!(check(&guard, url), Ok(()), "{url}");
    }
}

#[test]
fn a_closed_network_is_opened_only_by_name() {
    let wide = guard(&["0.0.0.0/0", "::/0"], &[]);
    assert!(check(&wide, "http://127.0.0.1").is_err());
    assert!(check(&wide, "http://169.254.169.254").is_err());
    assert_eq!(check(&wide, "http://10.0.0.1"), Ok(()));

    let loopback = guard(&["127.0.0.0/8", "10.0.0.0/8"], &[]);
    assert_eq!(check(&loopback, "http://127.0.0.1"), Ok(()));
    assert_eq!(check(&loopback, "http://localhost"), Ok(()));
    assert!(check(&loopback, "http://[::1]").is_err());
    assert!(check(&loopback, "http://192.168.1.1").is_err(), "only what is allowed");
}

#[test]
fn denied_networks_beat_allowed_ones() {
    let guard = guard(&["10.0.0.0/8"], &["10.9.0.0/16"]);
    assert_eq!(check(&guard, "http://10.1.0.1"), Ok(()));
    assert!(check(&guard, "http://10.9.0.1").is_err());
    assert!(check(&guard, "http://[::ffff:10.9.0.1]").is_err());
    assert!(check(&guard, "http://[64:ff9b::10.9.0.1]").is_err());
}

#[test]
fn ports_are_limited() {
    let rules = AddressRules { ports: vec![80..=80, 8000..=8999], ..AddressRules::default() };
    let guard = AddressGuard::new(rules, Vec::new());
    assert_eq!(check(&guard, "http://web"), Ok(()));
    assert_eq!(check(&guard, "http://web:8080"), Ok(()));
    assert_eq!(check(&guard, "http://web:22"), Err(Forbidden::Port(22)));
    assert_eq!(check(&guard, "http://10.0.0.1:9000"), Err(Forbidden::Port(9000)));
}

#[test]
fn the_gateway_is_not_called_through_itself() {
    let rules = AddressRules { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressRules::default() };
    let own = ["0.0.0.0:8443", "127.0.0.1:9090"].map(|text| text.parse().unwrap()).to_vec();
    let guard = AddressGuard::new(rules, own);
    assert_eq!(check(&guard, "http://127.0.0.1:8443"), Err(Forbidden::Own));
    assert_eq!(check(&guard, "http://127.0.0.1:9090"), Err(Forbidden::Own));
    assert_eq!(check(&guard, "http://127.0.0.1:8080"), Ok(()));
}

/// Gives one answer after the other, as a name server of an attacker does.
#[derive(Debug)]
struct Rebinding(Mutex<VecDeque<Vec<SocketAddr>>>);

impl Resolve for Rebinding {
    fn lookup<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let mut answer = self.0.lock().unwrap().pop_front().unwrap_or_default();
        answer.iter_mut().for_each(|at| at.set_port(port));
        Box::pin(async move { Ok(answer) })
    }
}

fn rebinding(answers: &[&[&str]]) -> AddressGuard {
    let read = |texts: &&[&str]| texts.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
    guard(&[], &[]).with_resolver(Arc::new(Rebinding(Mutex::new(answers.iter().map(read).collect()))))
}

/// CVE-2026-55671: DNS rebinding, a name that leads inside once it has been looked at.
#[tokio::test]
async fn a_name_that_moves_inside_is_refused_when_dialled() {
    let guard = rebinding(&[&["93.184.216.34"], &["127.0.0.1"], &["10.0.0.1", "169.254.169.254"], &[]]);
    let name = Address::from_url("http://rebind.example:8080").unwrap();
    assert_eq!(guard.check_text(&name), Ok(()));
    let first = guard.resolve(&name.host, name.port).await.unwrap();
    assert_eq!(first, ["93.184.216.34:8080".parse().unwrap()]);
    assert!(matches!(guard.resolve(&name.host, name.port).await, Err(DialError::Forbidden(_))));
    let mixed = guard.resolve(&name.host, name.port).await;
    assert!(matches!(mixed, Err(DialError::Forbidden(_))), "one bad address among good ones");
    assert!(matches!(guard.resolve(&name.host, name.port).await, Err(DialError::Io(_))), "no address at all");
}

#[tokio::test]
async fn addresses_need_no_resolver() {
    let guard = rebinding(&[]);
    assert!(guard.resolve("10.0.0.1", 80).await.is_ok());
    assert!(guard.resolve("::ffff:127.0.0.1", 80).await.is_err());
}
