//! Which request headers travel on to a rack.
//!
//! All end-to-end headers do, byte for byte and with repeats, except those that speak for the caller to the
//! gateway, those that the gateway writes itself, and those that a rack would take for a parameter which the
//! route does not have. A missing option changes a command's meaning, so there is no list of allowed names.

use super::{BadParameter, Place, Reply, Route, catalogue::routes, parameter::shown_name};
use crate::{core::redact::is_secret_header, gateway::overrides::is_override};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{collections::HashSet, sync::LazyLock};

/// The name, in lower case, of every parameter of every route. A rack looks for many of them in the headers
/// when the form has none.
static PARAMETERS: LazyLock<HashSet<String>> =
    LazyLock::new(|| routes().flat_map(Route::parameters).map(str::to_ascii_lowercase).collect());

/// Headers about one hop, or which the gateway sets itself, or which would speak for it.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "expect"
            | "host"
            | "content-length"
            | "forwarded"
            | "via"
            | "rack"
            | "x-real-ip"
            | "x-request-id"
            | "x-host"
            | "x-port"
    ) || is_override(name)
        || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

const OUR_PREFIXES: [&str; 7] =
    ["proxy-", "x-forwarded-", "convox-", "x-convox-", "x-user-", "x-mfa-", "sec-websocket-"];

/// `Connection` may name any header to have it removed. These it may not remove.
const KEPT: &[HeaderName] = &[header::CONTENT_TYPE, header::CONTENT_ENCODING];

/// Room for the headers that the pipeline adds, and for what the answer, which is read into the same map, gets.
const ADDED: usize = 9;

/// The headers to send upstream, before the pipeline adds its own (`Host`, `Authorization`, `Convox-Actor`,
/// `X-Request-Id`, `Upgrade`).
pub(super) fn forwarded(route: &Route, given: &HeaderMap) -> Result<HeaderMap, BadParameter> {
    let removed = named_by_connection(given);
    let mut sent = HeaderMap::with_capacity(given.len() + ADDED);
    for name in given.keys() {
        let is_removed = removed.iter().any(|removed| removed == name.as_str());
        match fate(route, name) {
            Fate::Dropped => {}
            Fate::Parameter if is_removed => {
                return Err(BadParameter::HopByHop {
                    name: shown_name(name.as_str()),
                    route: route.to_string(),
                });
            }
            Fate::Parameter => copy_once(name, given, &mut sent)?,
            Fate::Copied if is_removed && !KEPT.contains(name) => {}
            Fate::Copied => {
                for value in given.get_all(name) {
                    sent.append(name, value.clone());
                }
            }
            Fate::Handshake => copy_once(name, given, &mut sent)?,
        }
    }
    if route.reply.is_masked() {
        sent.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(sent)
}

enum Fate {
    Dropped,
    Copied,
    /// The route takes it as a parameter: once, and never at a peer's bidding removed.
    Parameter,
    /// Part of the WebSocket opening that the two ends agree on.
    Handshake,
}

fn fate(route: &Route, name: &HeaderName) -> Fate {
    let is_socket = matches!(route.reply, Reply::Socket(_));
    let name = name.as_str();
    match name {
        "accept" | "accept-encoding" | "content-type" | "user-agent" => Fate::Copied,
        _ if route.takes_header(name) => Fate::Parameter,
        "sec-websocket-key" | "sec-websocket-version" if is_socket => Fate::Handshake,
        // A rack compares Origin with its own Host, which is not the host that the client knows.
        "origin" if is_socket => Fate::Dropped,
        _ if is_ours(name) => Fate::Dropped,
        _ if is_secret_header(name) => Fate::Dropped,
        // The stock CLI states its version on every call. It is a parameter of one route only, in the form.
        "version" if route.place_of(name).is_none() => Fate::Copied,
        _ if PARAMETERS.contains(name) => Fate::Dropped,
        _ => Fate::Copied,
    }
}

fn copy_once(name: &HeaderName, given: &HeaderMap, sent: &mut HeaderMap) -> Result<(), BadParameter> {
    let mut values = given.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(BadParameter::duplicate(name.as_str(), Place::Header));
    }
    if let Some(value) = first {
        let mut value = value.clone();
        value.set_sensitive(is_secret_header(name.as_str()));
        sent.insert(name, value);
    }
    Ok(())
}

/// In lower case.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_that_a_rack_takes_by_name_is_known() {
        for name in [
            "name",
            "url",
            "id",
            "pub",
            "key",
            "domains",
            "files",
            "file",
            "image",
            "prefix",
            "server",
            "username",
            "password",
            "value",
            "kind",
            "app",
            "action",
            "role",
            "durationinhour",
            "command",
            "env",
            "ack_by",
            "parameters",
            "x-host",
            "x-port",
            "environment",
            "private-key",
            "parent-release",
        ] {
            assert!(PARAMETERS.contains(name), "{name}");
        }
    }

    #[test]
    fn no_parameter_is_a_header_that_every_client_sends() {
        for name in
            ["accept", "accept-encoding", "user-agent", "content-type", "cache-control", "origin", "date"]
        {
            assert!(!PARAMETERS.contains(name), "{name}");
        }
    }
}
