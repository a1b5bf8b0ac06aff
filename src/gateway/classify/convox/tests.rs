mod agreement;
mod bodies;
mod headers;
mod parameters;
mod routes;

use super::*;
use crate::gateway::target::ParsedTarget;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::Arc;

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

/// `request` is as in `GET /apps`; `SOCKET` is a GET that asks for a WebSocket.
fn classified(request: &str, given: &[(&str, &str)]) -> Result<RackCall, Unclassified> {
    let (verb, target) = request.split_once(' ').unwrap();
    let (method, upgrade) = match verb {
        "SOCKET" => (Method::GET, Upgrade::WebSocket),
        other => (other.parse().unwrap(), Upgrade::None),
    };
    let target = ParsedTarget::parse(target).unwrap();
    classify(&Arc::from("staging"), &method, upgrade, &target, &headers(given))
}

fn call(request: &str) -> RackCall {
    classified(request, &[]).unwrap_or_else(|error| panic!("{request}: {error}"))
}

fn refusal(request: &str, given: &[(&str, &str)]) -> BadParameter {
    match classified(request, given) {
        Err(Unclassified::Refused(refusal)) => refusal,
        other => panic!("{request}: {other:?}"),
    }
}
