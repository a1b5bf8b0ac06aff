//! The directory of services: where instances may be, and who this replica is.

use super::{
    reader::{Place, Reader},
    values::{self, Checked, cidr, duration, fraction},
    variables::{
        DIRECTORY_ALLOW_CIDRS, DIRECTORY_ALLOW_PORTS, DIRECTORY_DENY_CIDRS, DIRECTORY_NODE_ID,
        DIRECTORY_NODE_URL, DIRECTORY_PRESERVATION_SHARE, DIRECTORY_PRESERVATION_WINDOW, DIRECTORY_REGION,
        DIRECTORY_ZONE,
    },
};
use ipnet::IpNet;
use std::{ops::RangeInclusive, time::Duration};

#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryConfig {
    pub allow: Vec<IpNet>,
    pub deny: Vec<IpNet>,
    pub ports: Vec<RangeInclusive<u16>>,
    /// Chosen at the first start when absent.
    pub node_id: Option<String>,
    /// Made of the host's name and the listener's port when absent.
    pub node_url: Option<String>,
    pub region: Option<String>,
    pub zone: Option<String>,
    /// Share of the instances that must fail at once.
    pub preservation_share: f32,
    pub preservation_window: Duration,
}

const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3_600);

pub(super) fn read(r: &mut Reader<'_>) -> Option<DirectoryConfig> {
    let allow = allowed(r);
    let deny = r.list(&DIRECTORY_DENY_CIDRS, cidr);
    let ports = r.list(&DIRECTORY_ALLOW_PORTS, ports);
    let node_id = r.optional(&DIRECTORY_NODE_ID, node_id);
    let node_url = r.optional(&DIRECTORY_NODE_URL, node_url);
    let region = r.optional(&DIRECTORY_REGION, values::text);
    let zone = r.optional(&DIRECTORY_ZONE, values::text);
    let share = r.required(&DIRECTORY_PRESERVATION_SHARE, fraction);
    let window = r.required(&DIRECTORY_PRESERVATION_WINDOW, duration(WINDOW));
    Some(DirectoryConfig {
        allow,
        deny,
        ports,
        node_id,
        node_url,
        region,
        zone,
        preservation_share: share?,
        preservation_window: window?,
    })
}

fn allowed(r: &mut Reader<'_>) -> Vec<IpNet> {
    let nets = r.list(&DIRECTORY_ALLOW_CIDRS, cidr);
    if nets.iter().any(|net| net.network().is_loopback()) {
        let why = "lets services be registered that listen on the gateway's own machine";
        r.warn_about(&Place::from(&DIRECTORY_ALLOW_CIDRS), why);
    }
    nets
}

/// `8080`, or `8000-8999`.
fn ports(text: &str) -> Checked<RangeInclusive<u16>> {
    let mend = || "is not a port or a range of ports; write for example 8080 or 8000-8999".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(mend);
    let (first, last) = (port(first)?, port(last)?);
    if first > last { Err(mend()) } else { Ok(first..=last) }
}

fn node_id(text: &str) -> Checked<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.len() <= 64 && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("is not an id; write up to 64 letters, digits, dots, dashes and underscores".into())
}

fn node_url(text: &str) -> Checked<String> {
    let mend = "is not an http(s) URL; write for example http://gateway-1.internal:8443";
    let url = url::Url::parse(text).map_err(|_| mend)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err(mend.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load};

    #[test]
    fn defaults() {
        let directory = load([]).directory;
        assert!(directory.allow.is_empty() && directory.deny.is_empty() && directory.ports.is_empty());
        assert_eq!((directory.node_id, directory.node_url), (None, None));
        let window = directory.preservation_window;
        assert_eq!((directory.preservation_share, window), (0.5, Duration::from_secs(120)));
    }

    #[test]
    fn ports_and_networks() {
        let directory = load([
            ("DIRECTORY_ALLOW_PORTS", "80, 8000-8999"),
            ("DIRECTORY_ALLOW_CIDRS", "10.0.0.0/8"),
            ("DIRECTORY_DENY_CIDRS", "10.9.0.0/16"),
        ])
        .directory;
        assert_eq!(directory.ports, [80..=80, 8_000..=8_999]);
        assert_eq!((directory.allow.len(), directory.deny.len()), (1, 1));
        for ports in ["0", "x", "9-8", "1-", "70000", "80-90-100"] {
            assert!(error([("DIRECTORY_ALLOW_PORTS", ports)]).contains("write for example 8080"), "{ports}");
        }
    }

    #[test]
    fn loopback_is_allowed_with_a_warning() {
        let warnings = |net| load([("DIRECTORY_ALLOW_CIDRS", net)]).warnings;
        assert!(warnings("127.0.0.0/8").iter().any(|warning| warning.contains("own machine")));
        assert!(warnings("10.0.0.0/8").iter().all(|warning| !warning.contains("own machine")));
    }

    #[test]
    fn who_this_replica_is() {
        let directory = load([
            ("DIRECTORY_NODE_ID", "node-a.1"),
            ("DIRECTORY_NODE_URL", "http://gateway-1.internal:8443/"),
        ])
        .directory;
        assert_eq!(directory.node_id.as_deref(), Some("node-a.1"));
        assert_eq!(directory.node_url.as_deref(), Some("http://gateway-1.internal:8443"));
        for url in ["gateway", "ftp://a", "http://u:p@a", "http://a/?x"] {
            assert!(error([("DIRECTORY_NODE_URL", url)]).contains("http://gateway-1.internal"), "{url}");
        }
    }
}
