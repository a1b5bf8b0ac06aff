//! Addresses of sockets, networks and hosts.

use super::Checked;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`, or `:8443` for all IPv4 addresses.
pub fn socket_addr(text: &str) -> Checked<SocketAddr> {
    let mend =
        || "is not an address with a port; write for example 0.0.0.0:8443 or 127.0.0.1:5001".to_owned();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(mend)?;
    let host = match host {
        "" => Ipv4Addr::UNSPECIFIED,
        "localhost" => Ipv4Addr::LOCALHOST,
        _ => return Err(mend()),
    };
    Ok(SocketAddr::from((host, port.parse().map_err(|_| mend())?)))
}

/// `10.0.0.0/8`, or one address. Bits behind the prefix are dropped.
pub fn cidr(text: &str) -> Checked<IpNet> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(net.trunc());
    }
    let address: IpAddr = text
        .parse()
        .map_err(|_| "is not a network or address; write for example 10.0.0.0/8 or 192.168.1.10")?;
    Ok(IpNet::from(address))
}

/// A host name without scheme and port, in lower case.
pub fn domain(text: &str) -> Checked<String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        let mend = "write it without scheme, port and path, for example gateway.example.com";
        return Err(format!("is not a host name; {mend}"));
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets() {
        for (text, address) in [
            ("0.0.0.0:8443", "0.0.0.0:8443"),
            ("[::1]:80", "[::1]:80"),
            (":8443", "0.0.0.0:8443"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(socket_addr(text).unwrap().to_string(), address);
        }
        for text in ["", "8443", "0.0.0.0", "host:80", "0.0.0.0:99999", ":-1", "::1"] {
            assert!(socket_addr(text).unwrap_err().contains("write for example"), "{text}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!(cidr("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(cidr("192.168.1.10").unwrap().to_string(), "192.168.1.10/32");
        assert_eq!(cidr("fd00::1").unwrap().to_string(), "fd00::1/128");
        for text in ["", "10.0.0.0/33", "10.0.0", "all", "10.0.0.0/8/8"] {
            assert!(cidr(text).is_err(), "{text}");
        }
    }

    #[test]
    fn domains() {
        assert_eq!(domain("Gateway.Example.COM").unwrap(), "gateway.example.com");
        assert!(domain("localhost").is_ok());
        for text in ["https://a.b", "a.b:80", "a.b/c", "a..b", "-a.b", "a_b", "*.a", "a b", &"x".repeat(64)] {
            assert!(domain(text).is_err(), "{text}");
        }
    }
}
