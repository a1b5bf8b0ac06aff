use super::*;
use proptest::prelude::*;

fn url(text: &str) -> Result<String, InvalidAddress> {
    Address::from_url(text).map(|address| address.to_string())
}

#[test]
fn one_address_has_one_record() {
    for (text, canonical) in [
        ("http://web", "http://web:80"),
        ("HTTPS://Web.Example.com/", "https://web.example.com:443"),
        ("http://web:8080/api/", "http://web:8080/api"),
        ("http://web./api//", "http://web:80/api"),
        ("http://[::1]:9/", "http://[::1]:9"),
        ("http://[::FFFF:10.0.0.1]", "http://10.0.0.1:80"),
        ("https://10.0.0.1:443/a%20b", "https://10.0.0.1:443/a%20b"),
    ] {
        assert_eq!(url(text).as_deref(), Ok(canonical), "{text}");
        assert_eq!(url(canonical).as_deref(), Ok(canonical), "{canonical} is not stable");
    }
}

#[test]
fn what_two_may_read_in_two_ways_is_refused() {
    for text in [
        "",
        "web:8080",
        "ftp://web",
        "http://",
        "http:///path",
        "http://web:0",
        "http://web:+80",
        "http://web:",
        "http://web:65536",
        "http://a@web",
        "http://a:b@web",
        "http://web?x=1",
        "http://web/?x=1",
        "http://web/#x",
        "http://web\\@evil",
        "http://web/../x",
        "http://web/%2e%2E/x",
        "http://web/a%2Fb",
        "http://web/a%5cb",
        "http://web/a%00",
        "http://web/a%0d%0aHost:%20x",
        "http://web/a%2525",
        "http://web/%zz",
        "http://web/%",
        "http://web//a",
        "http://web/a b",
        "http://w\neb",
        "http://127.1",
        "http://0x7f000001",
        "http://[::1",
        "http://[fe80::1%25eth0]",
        "http://ünï",
    ] {
        assert_eq!(Address::from_url(text).map_err(|error| error.field), Err("url"), "{text}");
    }
    assert!(Address::from_url(&format!("http://web/{}", "a".repeat(2_048))).is_err());
}

#[test]
fn an_error_names_the_field() {
    let parts = |change: fn(&mut Parts<'static>)| {
        let mut parts = Parts { host: Some("web"), ..Parts::default() };
        change(&mut parts);
        Address::from_parts(&parts).map_err(|error| error.field)
    };
    assert!(parts(|_| {}).is_ok());
    assert_eq!(parts(|parts| parts.scheme = Some("tcp")), Err("scheme"));
    assert_eq!(parts(|parts| parts.host = Some("a b")), Err("host"));
    assert_eq!(parts(|parts| parts.port = Some(0)), Err("port"));
    assert_eq!(parts(|parts| parts.path = Some("?x")), Err("path"));
    assert_eq!(parts(|parts| parts.path = Some("/../x")), Err("path"));
    assert_eq!(parts(|parts| parts.ip = Some("10.0.0.1")), Err("ip"));
    assert_eq!(parts(|parts| (parts.host, parts.ip) = (None, Some("web"))), Err("ip"));
    assert_eq!(parts(|parts| parts.host = None), Err("host"));
    assert_eq!(Address::read(None, &Parts::default()).map_err(|error| error.field), Err("url"));
}

#[test]
fn a_path_alone_may_lack_its_slash() {
    let address =
        Address::from_parts(&Parts { host: Some("web"), path: Some("api/v2/"), ..Parts::default() });
    assert_eq!(address.map(|address| address.to_string()).as_deref(), Ok("http://web:80/api/v2"));
}

#[test]
fn a_url_and_parts_must_agree() {
    let both = |parts: &Parts<'_>| {
        Address::read(Some("http://Web:8080/api"), parts).map(drop).map_err(|error| error.field)
    };
    let same = Parts {
        scheme: Some("http"),
        host: Some("web"),
        port: Some(8080),
        path: Some("/api/"),
        ..Parts::default()
    };
    assert_eq!(both(&same), Ok(()));
    assert_eq!(both(&Parts { scheme: Some("https"), ..same.clone() }), Err("scheme"));
    assert_eq!(both(&Parts { host: Some("other"), ..same.clone() }), Err("host"));
    assert_eq!(both(&Parts { ip: Some("10.0.0.1"), ..same.clone() }), Err("ip"));
    assert_eq!(both(&Parts { port: Some(8081), ..same.clone() }), Err("port"));
    assert_eq!(both(&Parts { path: Some("/"), ..same }), Err("path"));
}

fn hosts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?(\\.[a-zA-Z]{2,5}){0,2}",
        any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        any::<[u16; 8]>().prop_map(|parts| std::net::Ipv6Addr::from(parts).to_string()),
    ]
}

proptest! {
    #[test]
    fn the_url_and_its_parts_give_equal_records(
        scheme in prop_oneof!["http", "https", "HTTP", "Https"],
        host in hosts(),
        port in proptest::option::of(1u16..),
        path in "(/[a-zA-Z0-9._~-]{1,8}){0,3}/{0,2}",
    ) {
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let colon = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}://{shown}{colon}{path}");
        let parts = Parts { scheme: Some(&scheme), host: Some(&host), port, path: Some(&path), ..Parts::default() };

        let by_url = Address::from_url(&url);
        let by_parts = Address::from_parts(&parts);
        match (&by_url, &by_parts) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one, other);
                let again = Address::from_url(&one.to_string());
                prop_assert_eq!(again.as_ref(), Ok(one));
                let by_both = Address::read(Some(&url), &parts);
                prop_assert_eq!(by_both.as_ref(), Ok(one));
                if one.ip().is_some() {
                    let by_ip = Parts { host: None, ip: Some(&host), ..parts };
                    let by_ip = Address::from_parts(&by_ip);
                    prop_assert_eq!(by_ip.as_ref(), Ok(one));
                }
            }
            (Err(_), Err(_)) => {}
            other => prop_assert!(false, "they differ: {:?}", other),
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,60}") {
        drop(Address::from_url(&text));
        let parts = Parts { host: Some(&text), path: Some(&text), ip: Some(&text), ..Parts::default() };
        drop(Address::from_parts(&parts));
    }
}
