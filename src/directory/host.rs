//! The host of an address: a name or an IP address, in one spelling.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The one spelling of a host: lower case, no trailing dot, IPv6 without brackets, an IPv4 address that is wrapped in
/// IPv6 without its wrapping. The error continues "the host ...".
pub(super) fn canonical(text: &str) -> Result<String, &'static str> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or("has a bracket that is not closed")?;
        let ip: Ipv6Addr = inner.parse().map_err(|_| "is not an IPv6 address in its brackets")?;
        return Ok(IpAddr::V6(ip).to_canonical().to_string());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(ip.to_canonical().to_string());
    }
    name(text.strip_suffix('.').unwrap_or(text))
}

/// A host name. One that resolvers may read as a number (`127.1`, `0x7f.1`, `2130706433`) is none.
fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > 253 {
        return Err("has more than 253 characters");
    }
    if !text.split('.').all(is_label) {
        return Err("is not a host name or an IP address");
    }
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_hex = last.strip_prefix("0x").or(last.strip_prefix("0X")).is_some_and(all_hex);
    if last.bytes().all(|byte| byte.is_ascii_digit()) || is_hex {
        return Err("ends in a number but is not an IPv4 address of four decimal parts");
    }
    Ok(text.to_ascii_lowercase())
}

fn all_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The IPv4 address that an IPv6 address carries inside and that a gateway on the way may unwrap: mapped, compatible,
/// NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`).
pub(super) fn carried_ipv4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return Some(mapped);
    }
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let last = || Some(join(g, h));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if g != 0 => last(),
        (0x64, 0xff9b, 0, 0, 0, 0) => last(),
        (0x2002, ..) => Some(join(b, c)),
        _ => None,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_spelling() {
        for (text, host) in [
            ("Web.Example.COM", "web.example.com"),
            ("web.", "web"),
            ("my_service", "my_service"),
            ("10.0.0.1", "10.0.0.1"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("::ffff:7f00:1", "127.0.0.1"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(host), "{text}");
        }
    }

    #[test]
    fn what_resolvers_read_as_numbers_is_no_name() {
        for text in ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5", "a.1", "a.0X"]
        {
            assert!(canonical(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a.".repeat(127) + "a";
        for text in
            ["", ".", "a..b", "-a", "a-", "a b", "a/b", "a@b", "[::1", "[1.2.3.4]", "fe80::1%eth0", &long]
        {
            assert!(canonical(text).is_err(), "{text}");
        }
    }

    #[test]
    fn wrapped_addresses_are_unwrapped() {
        for (text, inside) in [
            ("::ffff:169.254.169.254", Some("169.254.169.254")),
            ("::127.0.0.1", Some("127.0.0.1")),
            ("64:ff9b::a9fe:a9fe", Some("169.254.169.254")),
            ("2002:7f00:1::", Some("127.0.0.1")),
            ("2001:db8::1", None),
            ("::1", None),
        ] {
            let found = carried_ipv4(text.parse().unwrap()).map(|ip| ip.to_string());
            assert_eq!(found.as_deref(), inside, "{text}");
        }
    }
}
