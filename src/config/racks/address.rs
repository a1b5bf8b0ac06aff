//! The address of a rack as people write it.

use crate::{
    config::values::{Checked, is_of_service, service_slug},
    core::Secret,
};
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use url::{Host, Url};

/// The port of a rack's API when only its host is given.
const RACK_PORT: u16 = 5443;

const MEND: &str = "write for example https://rack.example.com";

#[derive(Debug)]
pub(super) struct RackAddress {
    /// Without credentials.
    pub url: Url,
    pub username: Option<String>,
    pub password: Option<Secret>,
}

/// `https://[user[:password]@]host[:port][/prefix]`, `svc://[user[:password]@]slug[/prefix]`, or `host[:port]`, which is https and port 5443.
pub(super) fn parse(text: &str) -> Checked<RackAddress> {
    let (url, is_bare) = match text.contains("://") {
        true => (Url::parse(text), false),
        false => (Url::parse(&format!("https://{text}")), true),
    };
    let mut url = url.map_err(|_| format!("is not an http(s) URL; {MEND}"))?;
    if !matches!(url.scheme(), "http" | "https" | "svc") {
        return Err(format!("is not an http(s) URL; {MEND}"));
    }
    if is_of_service(&url) {
        service_slug(&url)?;
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query or fragment; remove what begins with ? or #".into());
    }
    let username = Some(decoded(url.username())?).filter(|name| !name.is_empty());
    let password = url.password().map(decoded).transpose()?.filter(|text| !text.is_empty()).map(Secret::new);
    let port = if is_bare && !names_port(text) { Some(RACK_PORT) } else { url.port() };
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    let cleaned =
        url.set_username("").and_then(|()| url.set_password(None)).and_then(|()| url.set_port(port));
    cleaned.map_err(|()| format!("is not an http(s) URL; {MEND}"))?;
    Ok(RackAddress { url, username, password })
}

fn decoded(text: &str) -> Checked<String> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "holds credentials that are not UTF-8")?;
    if text.chars().any(char::is_control) {
        return Err("holds a control character in its credentials; remove it".into());
    }
    Ok(text.into_owned())
}

/// The URL cannot tell: it drops a port 443 that was written.
fn names_port(bare: &str) -> bool {
    let authority = bare.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let after_colon = host.rsplit_once(':').map(|(_, port)| port);
    after_colon.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// True when plain http to this rack would cross networks that others can listen on, as far as the name tells.
pub(super) fn is_exposed(url: &Url) -> bool {
    if url.scheme() != "http" {
        return false;
    }
    match url.host() {
        Some(Host::Ipv4(ip)) => !is_near(ip.into()),
        Some(Host::Ipv6(ip)) => !is_near(ip.into()),
        Some(Host::Domain(name)) => {
            let is_single_label = !name.contains('.');
            let inside = [".localhost", ".svc", ".svc.cluster.local", ".internal", ".local"];
            !is_single_label && !inside.iter().any(|end| name.ends_with(end))
        }
        None => true,
    }
}

fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_near(ip.into()),
            None => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        },
    }
}

/// 64 hexadecimal digits; colons between them are allowed, as `openssl x509 -fingerprint` prints them.
pub(in crate::config) fn parse_pin(text: &str) -> Checked<[u8; 32]> {
    let digits = text.replace(':', "");
    let mut pin = [0u8; 32];
    hex::decode_to_slice(&digits, &mut pin)
        .map_err(|_| "is not a SHA-256; write 64 hexadecimal digits, colons are allowed")?;
    Ok(pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("https://rack.example.com", "https://rack.example.com/"),
            ("https://rack.example.com/prefix/", "https://rack.example.com/prefix"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000/"),
            ("rack.example.com", "https://rack.example.com:5443/"),
            ("rack.example.com:443", "https://rack.example.com/"),
            ("localhost:8080/prefix", "https://localhost:8080/prefix"),
            ("10.0.0.1", "https://10.0.0.1:5443/"),
            ("[::1]", "https://[::1]:5443/"),
            ("[::1]:99", "https://[::1]:99/"),
            ("user:pass:1@rack", "https://rack:5443/"),
            ("svc://rack-staging", "svc://rack-staging"),
            ("svc://me:secret@rack-staging/prefix/", "svc://rack-staging/prefix"),
        ] {
            assert_eq!(parse(text).unwrap().url.as_str(), expected, "{text}");
        }
    }

    #[test]
    fn credentials_leave_the_url() {
        let address = parse("https://me:p%40ss@rack.example.com/x").unwrap();
        assert_eq!(address.url.as_str(), "https://rack.example.com/x");
        assert_eq!(address.username.as_deref(), Some("me"));
        assert_eq!(address.password.unwrap().expose(), "p@ss");
        let bare = parse("https://rack.example.com").unwrap();
        assert!(bare.username.is_none() && bare.password.is_none());
    }

    #[test]
    fn bad_addresses() {
        for text in [
            "",
            "htp://x",
            "ftp://x",
            "https://",
            "::1",
            "a b",
            "https://x:99999",
            "https://x?y",
            "https://x#y",
            "https://%0a:x@y",
            "svc://",
            "svc:///x",
            "svc://rack:80",
            "svc://Rack",
            "svc://registry",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_others_can_hear() {
        for near in [
            "https://rack.example.com",
            "http://127.0.0.1",
            "http://10.1.2.3",
            "http://[::1]",
            "http://[fd00::1]",
            "http://[::ffff:10.0.0.1]",
            "http://localhost",
            "http://rack",
            "http://api.x.svc.cluster.local",
        ] {
            assert!(!is_exposed(&Url::parse(near).unwrap()), "{near}");
        }
        for far in [
            "http://rack.example.com",
            "http://8.8.8.8",
            "http://[2001:db8::1]",
            "http://localhost.example.com",
        ] {
            assert!(is_exposed(&Url::parse(far).unwrap()), "{far}");
        }
    }

    #[test]
    fn pins() {
        let hex = "ab".repeat(32);
        assert_eq!(parse_pin(&hex), Ok([0xab; 32]));
        assert_eq!(parse_pin(&["AB"; 32].join(":")), Ok([0xab; 32]));
        for text in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(parse_pin(text).unwrap_err().contains("64 hexadecimal digits"), "{text}");
        }
    }
}
