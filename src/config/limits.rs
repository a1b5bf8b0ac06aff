//! What one client may ask of the gateway, and how long silence may last.

use super::{
    reader::{Place, Reader},
    values::{cidr, duration, number, size},
    variables::{
        BODY_IDLE_TIMEOUT, HEADER_TIMEOUT, KEEPALIVE_TIMEOUT, LOGIN_RATE_LIMIT_PER_MINUTE,
        MAX_API_BODY_BYTES, MAX_CONNECTIONS, MAX_FORM_BYTES, MAX_HEADER_BYTES, RATE_LIMIT_PER_MINUTE,
        STREAM_IDLE_TIMEOUT, TRUSTED_PROXY_CIDRS, UPSTREAM_CONNECT_TIMEOUT, UPSTREAM_IDLE_TIMEOUT, Variable,
    },
};
use ipnet::IpNet;
use std::{ops::RangeInclusive, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    pub trusted_proxies: Vec<IpNet>,
    /// Requests of one client address; never 0.
    pub rate_limit_per_minute: u32,
    /// Of those that need no credential.
    pub login_rate_limit_per_minute: u32,
    pub max_connections: usize,
    pub header_timeout: Duration,
    pub keepalive_timeout: Duration,
    pub body_idle_timeout: Duration,
    /// At least 8 KiB.
    pub max_header_bytes: usize,
    pub max_form_bytes: usize,
    pub max_api_body_bytes: usize,
    pub upstream_connect_timeout: Duration,
    pub upstream_idle_timeout: Duration,
    pub stream_idle_timeout: Duration,
}

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const BODY: RangeInclusive<u64> = KIB..=GIB;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(7 * 24 * 3_600);

pub(super) fn read(r: &mut Reader<'_>) -> Option<LimitsConfig> {
    let trusted_proxies = trusted_proxies(r);
    let rate_limit_per_minute = r.required(&RATE_LIMIT_PER_MINUTE, number(1..=1_000_000_000));
    let login_rate_limit_per_minute = r.required(&LOGIN_RATE_LIMIT_PER_MINUTE, number(1..=1_000_000_000));
    let max_connections = r.required(&MAX_CONNECTIONS, number(1..=1_000_000));
    let header_timeout = timeout(r, &HEADER_TIMEOUT);
    let keepalive_timeout = timeout(r, &KEEPALIVE_TIMEOUT);
    let body_idle_timeout = timeout(r, &BODY_IDLE_TIMEOUT);
    let max_header_bytes = r.required(&MAX_HEADER_BYTES, size(8 * KIB..=16 * KIB * KIB));
    let max_form_bytes = r.required(&MAX_FORM_BYTES, size(BODY));
    let max_api_body_bytes = r.required(&MAX_API_BODY_BYTES, size(BODY));
    let upstream_connect_timeout = timeout(r, &UPSTREAM_CONNECT_TIMEOUT);
    let upstream_idle_timeout = timeout(r, &UPSTREAM_IDLE_TIMEOUT);
    let stream_idle_timeout = timeout(r, &STREAM_IDLE_TIMEOUT);
    Some(LimitsConfig {
        trusted_proxies,
        rate_limit_per_minute: rate_limit_per_minute?,
        login_rate_limit_per_minute: login_rate_limit_per_minute?,
        max_connections: max_connections?,
        header_timeout: header_timeout?,
        keepalive_timeout: keepalive_timeout?,
        body_idle_timeout: body_idle_timeout?,
        max_header_bytes: max_header_bytes?,
        max_form_bytes: max_form_bytes?,
        max_api_body_bytes: max_api_body_bytes?,
        upstream_connect_timeout: upstream_connect_timeout?,
        upstream_idle_timeout: upstream_idle_timeout?,
        stream_idle_timeout: stream_idle_timeout?,
    })
}

fn timeout(r: &mut Reader<'_>, row: &Variable) -> Option<Duration> {
    r.required(row, duration(TIMEOUT))
}

fn trusted_proxies(r: &mut Reader<'_>) -> Vec<IpNet> {
    let nets = r.list(&TRUSTED_PROXY_CIDRS, cidr);
    if nets.iter().any(|net| net.prefix_len() == 0) {
        let why = "trusts every address, so that any client can choose the address it is known by";
        r.warn_about(&Place::from(&TRUSTED_PROXY_CIDRS), why);
    }
    nets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load, load_toml};

    #[test]
    fn defaults() {
        let limits = load([]).limits;
        assert_eq!(limits.rate_limit_per_minute, 1_200);
        assert_eq!(limits.max_connections, 10_000);
        assert_eq!(limits.max_header_bytes, 128 * 1_024);
        assert_eq!(limits.max_form_bytes, 10 * 1_024 * 1_024);
        assert_eq!(limits.max_api_body_bytes, 1_024 * 1_024);
        assert_eq!(limits.stream_idle_timeout, Duration::from_secs(12 * 3_600));
        assert!(limits.trusted_proxies.is_empty());
    }

    #[test]
    fn the_rate_limit_cannot_be_turned_off() {
        for value in ["0", "1000000001", "-1", "abc", "off"] {
            let error = error([("RATE_LIMIT_PER_MINUTE", value)]);
            assert!(
                error.starts_with(&format!("environment: RATE_LIMIT_PER_MINUTE: \"{value}\" is ")),
                "{error}"
            );
            assert!(error.ends_with("write a number from 1 to 1000000000"), "{error}");
        }
        assert_eq!(
            load([("RATE_LIMIT_PER_MINUTE", "1000000000")]).limits.rate_limit_per_minute,
            1_000_000_000
        );
    }

    #[test]
    fn networks_as_text_and_as_array() {
        let nets =
            |limits: LimitsConfig| limits.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = ["10.0.0.0/8", "192.168.1.10/32"];
        assert_eq!(nets(load([("TRUSTED_PROXY_CIDRS", "10.0.0.0/8, 192.168.1.10,")]).limits), expected);
        let array = "[limits]\ntrusted_proxy_cidrs = ['10.0.0.0/8', '192.168.1.10']";
        assert_eq!(nets(load_toml([], array).limits), expected);
    }

    #[test]
    fn a_bad_network_in_an_array_is_found_on_its_line() {
        let file = "[limits]\ntrusted_proxy_cidrs = [\n  '10.0.0.0/8',\n  'ten',\n]";
        let errors = crate::config::testing::errors_toml([], file);
        let expected = "gateway.toml:4: limits.trusted_proxy_cidrs: \"ten\" is not a network or address; write for \
                        example 10.0.0.0/8 or 192.168.1.10";
        assert_eq!(errors, [expected]);
    }

    #[test]
    fn trusting_everybody_is_doubtful() {
        let warnings = load([("TRUSTED_PROXY_CIDRS", "0.0.0.0/0")]).warnings;
        assert!(
            warnings[0].starts_with("environment: TRUSTED_PROXY_CIDRS: trusts every address"),
            "{warnings:?}"
        );
    }

    #[test]
    fn timeouts_have_a_unit_and_an_end() {
        assert_eq!(load([("HEADER_TIMEOUT", "500ms")]).limits.header_timeout, Duration::from_millis(500));
        for value in ["0", "8000h", "soon"] {
            assert!(
                error([("HEADER_TIMEOUT", value)]).starts_with("environment: HEADER_TIMEOUT: "),
                "{value}"
            );
        }
        assert!(error([("MAX_HEADER_BYTES", "1KiB")]).contains("from 8192 to 16777216 bytes"));
    }
}
