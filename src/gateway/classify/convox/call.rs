//! From a request to a call: what it is, what it demands, and exactly what is sent.

use super::{
    BadParameter, Reply, Route, Verb,
    form::check_body_headers,
    headers::forwarded,
    index::{Captures, find},
    parameter::check_query,
};
use crate::{
    gateway::target::ParsedTarget,
    policy::{Demand, Demanding, Permission, Target},
    upstream::Outbound,
};
use http::{HeaderMap, Method, Version, header};
use std::sync::Arc;

/// Whether the request asks to become a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upgrade {
    None,
    WebSocket,
}

impl Upgrade {
    pub fn asked_by(version: Version, headers: &HeaderMap) -> Self {
        if version < Version::HTTP_11 {
            return Self::None;
        }
        let names = |name, token: &str| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        };
        let asked = names(header::CONNECTION, "upgrade") && names(header::UPGRADE, "websocket");
        if asked { Self::WebSocket } else { Self::None }
    }
}

/// A call of the rack API. Nothing in it is the client's spelling: path, query and headers are rebuilt from what
/// was understood.
#[derive(Clone, Debug)]
pub struct RackCall {
    pub rack: Arc<str>,
    pub route: &'static Route,
    /// The app that the call is on, for routes below `/apps/{app}`.
    pub app: Option<String>,
    /// What the record names: an app, a process, a build, or else the rack.
    pub resource: String,
    pub method: Method,
    /// What is sent, below the rack's root.
    pub path_and_query: String,
    /// The end-to-end headers to send. The pipeline adds the gateway's own.
    pub headers: HeaderMap,
    captures: Captures,
    demands: Vec<Demand>,
}

impl RackCall {
    /// What `{name}` of the template stood for.
    pub fn capture(&self, name: &str) -> Option<&str> {
        self.captures.iter().find(|(captured, _)| *captured == name).map(|(_, value)| value.as_str())
    }
}

impl Demanding for RackCall {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

impl Outbound for RackCall {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    fn is_websocket(&self) -> bool {
        matches!(self.route.reply, Reply::Socket(_))
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unclassified {
    /// Answered 404 with an empty body, as a rack does: clients recognise old racks by it.
    #[error("no such route")]
    UnknownRoute,
    /// The stock CLI asks for `/machines` or `/racks` before it opens a WebSocket, and ignores the answer. 404,
    /// empty, and not worth a record.
    #[error("no such route")]
    Preflight,
    #[error(transparent)]
    Refused(#[from] BadParameter),
}

/// Finds the route, checks that every parameter stands at its place, and names what the call demands. The body
/// is not read here; see [`Route::body`] and [`check_form`](super::check_form).
pub fn classify(
    rack: &Arc<str>,
    method: &Method,
    upgrade: Upgrade,
    target: &ParsedTarget,
    headers: &HeaderMap,
) -> Result<RackCall, Unclassified> {
    let verb = Verb::of(method).ok_or(Unclassified::UnknownRoute)?;
    if verb == Verb::Get && is_preflight(target) {
        return Err(Unclassified::Preflight);
    }
    let (route, captures) = find_route(verb, upgrade, target).ok_or(Unclassified::UnknownRoute)?;
    check_query(route, target.query())?;
    check_body_headers(route, headers)?;
    let headers = forwarded(route, headers)?;

    let app = route.is_on_app().then(|| named(&captures, "app")).flatten();
    let mut demands = demands(rack, route, app.as_deref());
    if reaches_the_instance(route, &headers) {
        demands.push(Demand { permission: Permission::InstanceShell, target: Target::rack(rack) });
    }
    Ok(RackCall {
        rack: Arc::clone(rack),
        route,
        resource: subject(route, &captures).unwrap_or_else(|| rack.to_string()),
        app,
        method: method.clone(),
        path_and_query: target.to_path_and_query(),
        headers,
        captures,
        demands,
    })
}

/// Options of a new process with which it is no longer confined to its app: they need what a shell on the
/// instance needs.
fn reaches_the_instance(route: &Route, headers: &HeaderMap) -> bool {
    let is_set = |name: &&str| {
        headers
            .get(*name)
            .is_some_and(|value| !value.is_empty() && !value.as_bytes().eq_ignore_ascii_case(b"false"))
    };
    route.action == "process.start" && ["privileged", "volumes", "system-critical"].iter().any(is_set)
}

fn is_preflight(target: &ParsedTarget) -> bool {
    matches!(target.segments(), [only] if only == "machines" || only == "racks")
}

/// A WebSocket is asked for where a route is one; anywhere else the wish is not passed on.
fn find_route(verb: Verb, upgrade: Upgrade, target: &ParsedTarget) -> Option<(&'static Route, Captures)> {
    if verb == Verb::Get && upgrade == Upgrade::WebSocket {
        return find(Verb::Socket, target.segments()).or_else(|| find(verb, target.segments()));
    }
    find(verb, target.segments())
}

fn demands(rack: &str, route: &Route, app: Option<&str>) -> Vec<Demand> {
    let target = app.map_or_else(|| Target::rack(rack), |app| Target::app(rack, app));
    route.needs.iter().map(|permission| Demand { permission: *permission, target: target.clone() }).collect()
}

fn subject(route: &Route, captures: &Captures) -> Option<String> {
    match route.subject {
        Some(name) => named(captures, name),
        None => captures.last().map(|(_, value)| value.clone()),
    }
}

fn named(captures: &Captures, name: &str) -> Option<String> {
    captures.iter().find(|(captured, _)| *captured == name).map(|(_, value)| value.clone())
}
