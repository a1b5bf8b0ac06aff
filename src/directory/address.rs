//! Where an instance listens: one canonical record, however it was written.

use super::host;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }
}

/// `http://host:port/path`, taken apart. Two records of one address are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    pub scheme: Scheme,
    /// A name in lower case, or an IP address; IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// Empty, or `/p` without a slash at the end; still percent-encoded as it was given.
    pub path: String,
}

/// What is wrong with an address, and in which field of the request it stands.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {message}")]
pub struct InvalidAddress {
    pub field: &'static str,
    pub message: String,
}

/// The parts of an address as a client gives them. Absent scheme means `http`, absent port the scheme's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    pub scheme: Option<&'a str>,
    pub host: Option<&'a str>,
    pub ip: Option<&'a str>,
    pub port: Option<u16>,
    pub path: Option<&'a str>,
}

const LONGEST: usize = 2_048;

impl Address {
    /// From the URL, from the parts, or from both when they say the same.
    pub fn read(url: Option<&str>, parts: &Parts<'_>) -> Result<Self, InvalidAddress> {
        let has_parts = *parts != Parts::default();
        match url {
            None if parts.host.or(parts.ip).is_some() => Self::from_parts(parts),
            None => Err(invalid("url", "is missing; give url, or scheme, host or ip, port and path")),
            Some(url) if has_parts => agreed(Self::from_url(url)?, parts),
            Some(url) => Self::from_url(url),
        }
    }

    pub fn from_url(text: &str) -> Result<Self, InvalidAddress> {
        let bad = |message: &str| invalid("url", message);
        if text.len() > LONGEST {
            return Err(bad("has more than 2048 characters"));
        }
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| bad("is not a URL; write for example http://web:8080"))?;
        let scheme = Scheme::parse(scheme).ok_or_else(|| bad("must begin with http:// or https://"))?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(bad("holds a user or a password; a registered address is readable by many"));
        }
        let (host, port) = host_and_port(authority).ok_or_else(|| bad("has a port that is none"))?;
        Self::build("url", scheme, host, port, path)
    }

    pub fn from_parts(parts: &Parts<'_>) -> Result<Self, InvalidAddress> {
        let scheme = match parts.scheme {
            None => Scheme::Http,
            Some(text) => {
                Scheme::parse(text).ok_or_else(|| invalid("scheme", "is not one; write http or https"))?
            }
        };
        let (field, host) = host_of(parts)?;
        let path = parts.path.unwrap_or_default();
        if path.len() > LONGEST {
            return Err(invalid("path", "has more than 2048 characters"));
        }
        let mut address = Self::build(field, scheme, host, parts.port, "")?;
        address.path = path_alone(path).map_err(|message| invalid("path", message))?;
        Ok(address)
    }

    fn build(
        field: &'static str,
        scheme: Scheme,
        host: &str,
        port: Option<u16>,
        path: &str,
    ) -> Result<Self, InvalidAddress> {
        let host = host::canonical(host).map_err(|message| invalid(field, format!("the host {message}")))?;
        let port = port.unwrap_or(scheme.default_port());
        if port == 0 {
            let field = if field == "url" { field } else { "port" };
            return Err(invalid(field, "port 0 cannot be connected to"));
        }
        let path = canonical_path(path).map_err(|message| invalid(field, format!("the path {message}")))?;
        Ok(Self { scheme, host, port, path })
    }

    /// The host, when it is an IP address and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, with brackets round IPv6.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// The URL, always with its port: `http://web:80/p`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

fn invalid(field: &'static str, message: impl Into<String>) -> InvalidAddress {
    InvalidAddress { field, message: message.into() }
}

/// Each part that is given beside a URL must say what the URL says.
fn agreed(address: Address, parts: &Parts<'_>) -> Result<Address, InvalidAddress> {
    let conflict = |field, own: &dyn fmt::Display| {
        Err(invalid(field, format!("contradicts url, which says {own}; leave one of them out")))
    };
    if parts.scheme.is_some_and(|scheme| Scheme::parse(scheme) != Some(address.scheme)) {
        return conflict("scheme", &address.scheme.as_str());
    }
    for (field, host) in [("host", parts.host), ("ip", parts.ip)] {
        if host.is_some_and(|host| host::canonical(host).as_ref() != Ok(&address.host)) {
            return conflict(field, &address.host);
        }
    }
    if parts.port.is_some_and(|port| port != address.port) {
        return conflict("port", &address.port);
    }
    if parts.path.is_some_and(|path| path_alone(path).as_ref() != Ok(&address.path)) {
        return conflict("path", &if address.path.is_empty() { "/" } else { &address.path });
    }
    Ok(address)
}

fn host_of<'a>(parts: &Parts<'a>) -> Result<(&'static str, &'a str), InvalidAddress> {
    match (parts.host, parts.ip) {
        (Some(host), None) => Ok(("host", host)),
        (None, Some(ip)) => match ip.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(_) => Ok(("ip", ip)),
            Err(_) => Err(invalid("ip", "is not an IP address; a name belongs into host")),
        },
        (Some(host), Some(ip)) if host::canonical(host) == host::canonical(ip) => Ok(("host", host)),
        (Some(_), Some(_)) => {
            Err(invalid("ip", "says another thing than host; an instance has one address, give one of them"))
        }
        (None, None) => Err(invalid("host", "is missing; give host or ip")),
    }
}

/// `None` when there is a port and it is no number.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority.get(end..)?.find(':') else { return Some((authority, None)) };
    let (host, port) = authority.split_at_checked(end + colon)?;
    let digits = port.strip_prefix(':')?;
    // `u16::from_str` takes a plus.
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten().map(|port| (host, Some(port)))
}

/// A path that stands by itself may lack its first slash.
fn path_alone(path: &str) -> Result<String, &'static str> {
    if path.is_empty() || path.starts_with('/') {
        return canonical_path(path);
    }
    canonical_path(&format!("/{path}"))
}

/// Two readers must read a path the same way, so what they may differ on is refused.
fn canonical_path(path: &str) -> Result<String, &'static str> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let inner = path.strip_prefix('/').ok_or("must begin with a slash, and have no query and no fragment")?;
    inner.split('/').try_for_each(check_segment)?;
    Ok(path.to_owned())
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte);
    if segment.is_empty() {
        return Err("has an empty segment");
    }
    if !segment.bytes().all(plain) {
        return Err(
            "has characters that do not stand in a path; encode them, and leave query and fragment out",
        );
    }
    let decoded = decode(segment).ok_or("has a percent sign that encodes nothing")?;
    if decoded == b"." || decoded == b".." {
        return Err("has a dot segment");
    }
    if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\' | b'%') || byte.is_ascii_control()) {
        return Err("has an encoded slash, backslash, percent sign or control character");
    }
    Ok(())
}

fn decode(segment: &str) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
    let escapes = segment.bytes().filter(|byte| *byte == b'%').count();
    // Every escape takes two bytes away; one that is none stays as it is.
    (bytes.len() + 2 * escapes == segment.len()).then_some(bytes)
}

#[cfg(test)]
mod tests;
