//! Whose request is it, when load balancers stand in between?

use http::{HeaderMap, HeaderName, header::HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// More hops than any honest chain of proxies; what lies behind them is not looked at.
const MAX_HOPS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Answers from the socket's peer, and from forwarded headers only as far as `trusted` proxies vouch for them.
#[derive(Debug)]
pub enum ClientIp {}

impl ClientIp {
    /// The client's address. `X-Forwarded-For`, all its lines as one list, is walked from the right: each proxy
    /// appended whom it heard from. Trusted hops are passed over, the first other one is the client. An entry that
    /// is no address ends the walk at the hop before it, which is the last that is known.
    pub fn resolve(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
        let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
        let mut client = peer.to_canonical();
        let mut hops = from_the_right(headers, &FORWARDED_FOR).take(MAX_HOPS);
        while is_trusted(client) {
            let Some(before) = hops.next().and_then(parse_hop) else { break };
            client = before;
        }
        client
    }

    /// The scheme the client used: `direct` is that of the socket, which a trusted peer may correct by
    /// `X-Forwarded-Proto`. Of several values the last one is the peer's own.
    pub fn scheme(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], direct: Scheme) -> Scheme {
        let peer = peer.to_canonical();
        if !trusted.iter().any(|net| net.contains(&peer)) {
            return direct;
        }
        match from_the_right(headers, &FORWARDED_PROTO).next() {
            Some(said) if said.eq_ignore_ascii_case(b"https") => Scheme::Https,
            Some(said) if said.eq_ignore_ascii_case(b"http") => Scheme::Http,
            _ => direct,
        }
    }
}

/// The elements of a list header, last first; empty ones mean nothing.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .into_iter()
        .rev()
        .flat_map(|line: &HeaderValue| line.as_bytes().rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|addr| addr.ip());
    let ip = bare.parse::<IpAddr>().or_else(|_| with_port()).ok()?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    fn trusted() -> Vec<IpNet> {
        ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec()
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        ClientIp::resolve(peer.parse().unwrap(), &headers(&FORWARDED_FOR, lines), &trusted()).to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_says() {
        assert_eq!(client("203.0.113.9", &["1.2.3.4", "10.0.0.1"]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn the_first_untrusted_hop_from_the_right() {
        for (lines, expected) in [
            (&["1.2.3.4"][..], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
            (&["6.6.6.6", "1.2.3.4", "10.9.9.9, fd00::7"], "1.2.3.4"),
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (&[" 1.2.3.4 , ,"], "1.2.3.4"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn garbage_ends_the_walk_at_the_last_good_hop() {
        for (lines, expected) in [
            (&["1.2.3.4, unknown"][..], "10.0.0.1"),
            (&["1.2.3.4, _hidden, 10.5.5.5"], "10.5.5.5"),
            (&["1.2.3.4, 999.1.1.1, 10.5.5.5"], "10.5.5.5"),
            (&["1.2.3.4, \"10.5.5.5\""], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses() {
        for (hop, expected) in [
            ("1.2.3.4:55000", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ] {
            assert_eq!(client("::ffff:10.0.0.1", &[hop]), expected);
        }
    }

    #[test]
    fn a_chain_without_end_is_not_followed() {
        let chain = ["1.2.3.4", "10.7.7.7"]
            .into_iter()
            .chain(std::iter::repeat_n("10.0.0.2", 31))
            .collect::<Vec<_>>();
        assert_eq!(client("10.0.0.1", &[&chain.join(",")]), "10.7.7.7");
    }

    #[test]
    fn scheme_only_from_trusted_peers() {
        let said = |peer: &str, lines: &[&str]| {
            let headers = headers(&FORWARDED_PROTO, lines);
            ClientIp::scheme(peer.parse().unwrap(), &headers, &trusted(), Scheme::Http).as_str()
        };
        assert_eq!(said("10.0.0.1", &["https"]), "https");
        assert_eq!(said("10.0.0.1", &["http, HTTPS"]), "https");
        assert_eq!(said("10.0.0.1", &["https", "http"]), "http");
        assert_eq!(said("10.0.0.1", &["javascript"]), "http");
        assert_eq!(said("203.0.113.9", &["https"]), "http");
    }

    proptest! {
        #[test]
        fn what_a_client_puts_left_of_its_own_address_never_counts(forged in "[ -~]{0,80}") {
            let line = format!("{forged}, 198.51.100.7, 10.3.3.3");
            prop_assert_eq!(client("10.0.0.1", &[&line]), "198.51.100.7");
        }
    }
}
