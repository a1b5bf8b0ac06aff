//! The route table, over decoded path segments. The first match counts.

use super::{
    apps,
    call::Call,
    exec, logs, processes, releases,
    reply::{self, Answer},
    services, socket,
};
use http::StatusCode;
use std::{future::Future, pin::Pin};

type Pending<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// A matched route, not run yet.
pub enum Found<'a> {
    /// Needs no password.
    Open(Pending<'a>),
    Guarded(Pending<'a>),
    /// A websocket, which checks the password after its handshake.
    Socket(Answer),
}

pub fn find<'a>(call: Call, segments: &[&'a str]) -> Option<Found<'a>> {
    if let ["check"] = segments {
        return Some(Found::Open(Box::pin(async { Ok(reply::text(StatusCode::OK, "ok\n")) })));
    }
    if call.parts.method == "GET"
        && socket::is_handshake(&call.parts)
        && let Some(open) = stream(segments)
    {
        return Some(Found::Socket(open(call)));
    }
    // A variable of a path is never empty, except at the end of keys that may hold slashes.
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    guarded(call, segments).map(Found::Guarded)
}

type Opener<'a> = Box<dyn FnOnce(Call) -> Answer + Send + 'a>;

/// Websockets: the same paths asked for plainly are unknown.
fn stream<'a>(segments: &[&'a str]) -> Option<Opener<'a>> {
    Some(match *segments {
        ["apps", app, "logs"] => Box::new(move |call| logs::app(call, app)),
        ["apps", app, "services", name, "logs"] => Box::new(move |call| logs::service(call, app, name)),
        ["apps", app, "processes", pid, "logs"] => Box::new(move |call| logs::process(call, app, pid)),
        ["apps", app, "processes", pid, "exec"] => Box::new(move |call| exec::open(call, app, pid)),
        ["instances", id, "shell"] => Box::new(move |call| exec::on_instance(call, id)),
        ["system", "logs"] => Box::new(logs::system),
        _ => return None,
    })
}

fn guarded<'a>(call: Call, segments: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), segments) {
        ("GET", ["auth"]) => Box::pin(async { reply::ok() }),
        ("GET", ["apps"]) => Box::pin(apps::list(call)),
        ("POST", ["apps"]) => Box::pin(apps::create(call)),
        (_, ["apps", app]) => return self::app(call, app),
        (_, ["apps", app, rest @ ..]) => return under_app(call, app, rest),
        _ => return None,
    })
}

fn app<'a>(call: Call, name: &'a str) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match method.as_str() {
        "GET" => Box::pin(apps::get(call, name)),
        "PUT" => Box::pin(apps::update(call, name)),
        "DELETE" => Box::pin(apps::delete(call, name)),
        _ => return None,
    })
}

fn under_app<'a>(call: Call, app: &'a str, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("POST", ["cancel"]) => Box::pin(releases::cancel(call, app)),
        ("POST", ["restart"]) => Box::pin(apps::restart(call, app)),
        ("GET", ["balancers"]) => Box::pin(services::balancers(call, app)),
        ("GET", ["manifest", "services", name]) => Box::pin(services::manifest(call, app, name)),
        ("GET", ["processes"]) => Box::pin(processes::list(call, app)),
        ("GET", ["processes", pid]) => Box::pin(processes::get(call, app, pid)),
        ("DELETE", ["processes", pid]) => Box::pin(processes::stop(call, app, pid)),
        ("GET", ["releases"]) => Box::pin(releases::list(call, app)),
        ("POST", ["releases"]) => Box::pin(releases::create(call, app)),
        ("GET", ["releases", id]) => Box::pin(releases::get(call, app, id)),
        ("POST", ["releases", id, "promote"]) => Box::pin(releases::promote(call, app, id)),
        ("GET", ["services"]) => Box::pin(services::list(call, app)),
        ("PUT", ["services", name]) => Box::pin(services::update(call, app, name)),
        ("POST", ["services", name, "processes"]) => Box::pin(processes::run(call, app, name)),
        ("POST", ["services", name, "restart"]) => Box::pin(services::restart(call, app, name)),
        (
            "POST",
            ["services", name, "scale-override"]
            | ["services", name, "triggers", "enable" | "disable" | "threshold"],
        ) => Box::pin(services::accept_setting(call, app, name)),
        ("PUT", ["ssl", service, port]) => Box::pin(services::set_certificate(call, app, service, port)),
        _ => return None,
    })
}
