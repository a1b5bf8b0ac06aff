//! The headers of a call: what of the client's goes on to a service, what the gateway says itself, and what of the
//! service's comes back.

use super::cookies;
use crate::core::RequestId;
use crate::gateway::overrides::is_override;
use crate::identity::Principal;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_SECURITY_POLICY, FORWARDED, HOST, TE},
};
use std::net::IpAddr;

/// The user's address, for logs.
static FORWARDED_USER: HeaderName = HeaderName::from_static("x-forwarded-user");
/// Who calls, signed.
static FORWARDED_IDENTITY: HeaderName = HeaderName::from_static("x-forwarded-identity");
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Between two hosts only, or ours to say. Frameworks of many languages read `_` and `-` as the same, so names are
/// compared with every sign that is neither letter nor digit as a dash.
const DROPPED: [&str; 24] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "remote-user",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-client-ip",
    "x-mfa-totp",
    "x-mfa-webauthn",
    "x-real-ip",
    "x-remote-user",
    "x-request-id",
];

/// Nothing that a service may say about the whole host.
const NOT_THEIRS: [&str; 14] = [
    "alt-svc",
    "clear-site-data",
    "connection",
    "keep-alive",
    "nel",
    "proxy-authenticate",
    "proxy-connection",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
    "te",
    "trailer",
    "upgrade",
];

/// Pages of services are shown under the gateway's own address. A browser must not take them for the gateway's, or
/// their scripts could act for whoever looks at them.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts; frame-ancestors 'none'",
);

/// What the gateway says of a call.
pub struct Said<'a> {
    pub principal: &'a Principal,
    /// The signed statement of who calls.
    pub identity: &'a str,
    pub slug: &'a str,
    pub ip: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    pub request_id: RequestId,
}

/// Of the client's headers what a service gets: its own, end to end, without anything that could be taken for ours.
pub fn of_client(headers: &HeaderMap, is_websocket: bool) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut kept = HeaderMap::with_capacity(headers.len() + 9);
    for (name, value) in headers {
        let canonical = canonical(name);
        let is_dropped = DROPPED.contains(&canonical.as_str())
            || canonical.starts_with("x-forwarded-")
            || is_override(&canonical)
            || named.contains(&canonical)
            // The relay reads frames, which an extension would change.
            || (is_websocket && canonical == "sec-websocket-extensions");
        if !is_dropped {
            kept.append(name.clone(), value.clone());
        }
    }
    // The only meaning of TE that passes a proxy (RFC 9110 §10.1.4).
    if headers.get_all(TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        kept.insert(TE, HeaderValue::from_static("trailers"));
    }
    cookies::hide_ours(&mut kept);
    kept
}

/// Says who calls, from where, and how.
pub fn say(headers: &mut HeaderMap, client: &HeaderMap, said: &Said<'_>) {
    let Said { principal, identity, slug, ip, scheme, request_id } = said;
    request_id.mark(headers);
    let mut tell = |name: &HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name.clone(), value);
        }
    };
    tell(&FORWARDED_USER, &principal.user.email);
    tell(&FORWARDED_FOR, &ip.to_string());
    tell(&FORWARDED_PROTO, scheme);
    tell(&FORWARDED_PREFIX, &format!("/svc/{slug}"));
    let host = client.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    if let Some(host) = host {
        tell(&FORWARDED_HOST, host);
    }
    tell(&FORWARDED, &forwarded(*ip, host, scheme));
    if let Ok(mut value) = HeaderValue::from_str(identity) {
        value.set_sensitive(true);
        headers.insert(FORWARDED_IDENTITY.clone(), value);
    }
}

/// RFC 7239: `for="[2001:db8::1]";host="gateway.example.com";proto=https`.
fn forwarded(ip: IpAddr, host: Option<&str>, scheme: &str) -> String {
    let from = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("\"[{ip}]\""),
    };
    let host = host.map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
    format!("for={from}{host};proto={scheme}")
}

/// Fits between quotes.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// Of the service's headers what the client gets.
pub fn of_service(headers: &mut HeaderMap, slug: &str) {
    let named = named_by_connection(headers);
    let doomed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| NOT_THEIRS.contains(&name.as_str()) || named.contains(&canonical(name)))
        .chain([&CONNECTION])
        .cloned()
        .collect();
    for name in doomed {
        headers.remove(name);
    }
    headers.remove(http::header::TRANSFER_ENCODING);
    cookies::bind_theirs(headers, slug);
    headers.append(CONTENT_SECURITY_POLICY, SANDBOX);
}

fn canonical(name: &HeaderName) -> String {
    name.as_str().chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect()
}

fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names =
        lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse::<HeaderName>().ok());
    names.map(|name| canonical(&name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn nothing_that_could_be_taken_for_ours_gets_through() {
        for name in [
            "authorization",
            "proxy-authorization",
            "proxy_authorization",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-user",
            "x_forwarded_user",
            "x-forwarded_user",
            "x.forwarded.identity",
            "X-Forwarded-Anything",
            "x-real-ip",
            "x_real_ip",
            "x-request-id",
            "x-mfa-totp",
            "remote_user",
            "transfer-encoding",
            "transfer_encoding",
            "content_length",
            "upgrade",
            "keep-alive",
        ] {
            let client = headers(&[(name, "evil"), ("x-own", "1")]);
            assert_eq!(names(&of_client(&client, false)), ["x-own"], "{name}");
        }
    }

    #[test]
    fn what_belongs_to_the_service_gets_through() {
        let client = headers(&[
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("x_private", "1"),
            ("te", "trailers"),
            ("accept", "a"),
            ("accept", "b"),
            ("traceparent", "00-1-2-3"),
            ("cookie", "mine=1; session_token=rgs_x"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]);
        let kept = of_client(&client, false);
        assert_eq!(names(&kept), ["accept", "cookie", "sec-websocket-extensions", "te", "traceparent"]);
        assert_eq!(kept.get_all("accept").iter().count(), 2);
        assert_eq!(kept.get("cookie").unwrap(), "mine=1");
        assert!(!of_client(&client, true).contains_key("sec-websocket-extensions"));
        assert!(!of_client(&headers(&[("te", "gzip")]), false).contains_key("te"));
    }

    #[test]
    fn forwarding_is_told_in_both_ways() {
        assert_eq!(
            forwarded("192.0.2.1".parse().unwrap(), Some("gw:8443"), "https"),
            "for=192.0.2.1;host=\"gw:8443\";proto=https"
        );
        assert_eq!(
            forwarded("2001:db8::1".parse().unwrap(), None, "http"),
            "for=\"[2001:db8::1]\";proto=http"
        );
        assert!(is_host("[::1]:8443") && !is_host("a\";for=evil") && !is_host(""));
    }

    #[test]
    fn a_service_speaks_for_itself_and_not_for_the_host() {
        let mut answer = headers(&[
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "\"*\""),
            ("service-worker-allowed", "/"),
            ("set-cookie", "a=1; Path=/"),
            ("location", "/elsewhere"),
            ("content-security-policy", "default-src *"),
            ("content-type", "text/html"),
        ]);
        of_service(&mut answer, "web");
        assert_eq!(names(&answer), ["content-security-policy", "content-type", "location", "set-cookie"]);
        assert_eq!(answer.get("set-cookie").unwrap(), "a=1; Path=/svc/web/");
        assert_eq!(answer.get("location").unwrap(), "/elsewhere");
        let policies: Vec<_> = answer.get_all("content-security-policy").iter().collect();
        assert_eq!(policies, [&HeaderValue::from_static("default-src *"), &SANDBOX]);
    }
}
