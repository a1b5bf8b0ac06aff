//! The route table, over decoded path segments. The first match counts.

use super::{
    apps, budget, builds,
    call::Call,
    certificates, exec, files, instances, logs, objects, passthrough, processes, proxy, registries, releases,
    reply::{self, Answer},
    reports, resources, services, socket, system, transfer,
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
        return Some(Found::Open(pending(async { Ok(reply::text(StatusCode::OK, "ok\n")) })));
    }
    if call.parts.method == "GET"
        && socket::is_handshake(&call.parts)
        && !segments.contains(&"")
        && let Some(open) = stream(segments)
    {
        return Some(Found::Socket(open(call)));
    }
    let guarded = match *segments {
        ["apps", app, "objects", ref key @ ..] if !app.is_empty() && !key.is_empty() => {
            object(call, app, key.join("/"))
        }
        ["registries", ref server @ ..] if !server.is_empty() => registry(call, server.join("/")),
        ["v2", ..] | ["custom", "http", "proxy", ..] => Some(pending(passthrough::would_forward(call))),
        // In all other routes, a variable of a path is never empty.
        _ if segments.contains(&"") => None,
        ["apps", app] => self::app(call, app),
        ["apps", app, ref rest @ ..] => under_app(call, app, rest),
        ["resources", ref rest @ ..] => resource(call, rest),
        ["system", ref rest @ ..] => of_system(call, rest),
        _ => of_rack(call, segments),
    };
    guarded.map(Found::Guarded)
}

fn pending<'a>(answer: impl Future<Output = Answer> + Send + 'a) -> Pending<'a> {
    Box::pin(answer)
}

type Opener<'a> = Box<dyn FnOnce(Call) -> Answer + Send + 'a>;

/// Websockets: the same paths asked for plainly are unknown.
fn stream<'a>(segments: &[&'a str]) -> Option<Opener<'a>> {
    Some(match *segments {
        ["apps", app, "logs"] => Box::new(move |call| logs::app(call, app)),
        ["apps", app, "services", name, "logs"] => Box::new(move |call| logs::service(call, app, name)),
        ["apps", app, "processes", pid, "logs"] => Box::new(move |call| logs::process(call, app, pid)),
        ["apps", app, "processes", pid, "exec"] => Box::new(move |call| exec::open(call, app, pid)),
        ["apps", app, "builds", id, "logs"] => Box::new(move |call| builds::logs(call, app, id)),
        ["apps", app, "resources", name, "console"] => {
            Box::new(move |call| resources::console(call, app, name))
        }
        ["proxy", host, port] => Box::new(move |call| proxy::open(call, host, port)),
        ["instances", id, "shell"] => Box::new(move |call| exec::on_instance(call, id)),
        ["system", "logs"] => Box::new(logs::system),
        _ => return None,
    })
}

fn of_rack<'a>(call: Call, segments: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), segments) {
        ("GET", ["auth"]) => pending(async { reply::ok() }),
        ("GET", ["apps"]) => pending(apps::list(call)),
        ("POST", ["apps"]) => pending(apps::create(call)),
        ("GET", ["certificates"]) => pending(certificates::list(call)),
        ("POST", ["certificates"]) => pending(certificates::import(call)),
        ("POST", ["certificates", "generate"]) => pending(certificates::generate(call)),
        ("POST", ["certificates", app, "renew"]) => pending(certificates::renew(call, app)),
        ("DELETE", ["certificates", id]) => pending(certificates::delete(call, id)),
        ("GET", ["letsencrypt", "config"]) => pending(certificates::letsencrypt(call)),
        ("PUT", ["letsencrypt", "config"]) => pending(certificates::set_letsencrypt(call)),
        ("POST", ["events"]) => pending(system::event(call)),
        ("GET", ["instances"]) => pending(instances::list(call)),
        ("POST", ["instances", "keyroll"]) => pending(instances::roll_key(call)),
        ("DELETE", ["instances", id]) => pending(instances::terminate(call, id)),
        ("GET", ["registries"]) => pending(registries::list(call)),
        ("POST", ["registries"]) => pending(registries::add(call)),
        _ => return None,
    })
}

fn of_system<'a>(call: Call, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("GET", []) => pending(system::get(call)),
        ("PUT", []) => pending(system::update(call)),
        ("GET", ["capacity"]) => pending(system::capacity(call)),
        ("GET", ["metrics"]) => pending(reports::of_rack(call)),
        ("GET", ["processes"]) => pending(system::processes(call)),
        ("GET", ["releases"]) => pending(system::releases(call)),
        ("PUT", ["jwt", "rotate"]) => pending(system::rotate_tokens(call)),
        ("POST", ["jwt", "token"]) => pending(system::make_token(call)),
        ("POST", ["karpenter", "cleanup"]) => pending(async { reply::ok() }),
        _ => return None,
    })
}

fn resource<'a>(call: Call, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("GET", []) => pending(resources::list(call)),
        ("OPTIONS", []) => pending(resources::kinds(call)),
        ("POST", []) => pending(resources::create(call)),
        ("GET", [name]) => pending(resources::get(call, name)),
        ("PUT", [name]) => pending(resources::update(call, name)),
        ("DELETE", [name]) => pending(resources::delete(call, name)),
        ("POST", [name, "links"]) => pending(resources::link(call, name)),
        ("DELETE", [name, "links", app]) => pending(resources::unlink(call, name, app)),
        _ => return None,
    })
}

/// Objects, whose keys may be empty and may hold slashes.
fn object<'a>(call: Call, app: &'a str, key: String) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match method.as_str() {
        "GET" => pending(objects::get(call, app, key)),
        "HEAD" => pending(objects::head(call)),
        "POST" => pending(objects::store(call, app, key)),
        "DELETE" => pending(objects::delete(call, app, key)),
        _ => return None,
    })
}

fn registry<'a>(call: Call, server: String) -> Option<Pending<'a>> {
    (call.parts.method == "DELETE").then(|| pending(registries::remove(call, server)))
}

fn app<'a>(call: Call, name: &'a str) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match method.as_str() {
        "GET" => pending(apps::get(call, name)),
        "PUT" => pending(apps::update(call, name)),
        "DELETE" => pending(apps::delete(call, name)),
        _ => return None,
    })
}

fn under_app<'a>(call: Call, app: &'a str, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("POST", ["cancel"]) => pending(releases::cancel(call, app)),
        ("POST", ["restart"]) => pending(apps::restart(call, app)),
        ("GET", ["balancers"]) => pending(services::balancers(call, app)),
        ("GET", ["manifest", "services", name]) => pending(services::manifest(call, app, name)),
        ("GET", ["diagnose"]) => pending(reports::diagnose(call, app)),
        ("GET", ["metrics"]) => pending(reports::of_app(call, app)),
        ("GET", ["metrics-by-service"]) => pending(reports::by_service(call, app)),
        ("GET", ["cost"]) => pending(budget::cost(call, app)),
        ("GET", ["configs"]) => pending(reports::configs(call, app)),
        ("GET", ["configs", name]) => pending(reports::config(call, app, name)),
        ("PUT", ["configs", name]) => pending(reports::set_config(call, app, name)),
        ("GET", ["objects"]) => pending(objects::list(call, app)),
        (_, ["budget", rest @ ..]) => return of_budget(call, app, rest),
        (_, ["builds", rest @ ..]) => return build(call, app, rest),
        (_, ["resources", rest @ ..]) => return resource_of_app(call, app, rest),
        ("GET", ["processes", pid, "files"]) => pending(files::download(call, app, pid)),
        ("POST", ["processes", pid, "files"]) => pending(files::upload(call, app, pid)),
        ("DELETE", ["processes", pid, "files"]) => pending(files::delete(call, app, pid)),
        ("GET", ["services", name, "metrics"]) => pending(reports::of_service(call, app, name)),
        ("GET", ["processes"]) => pending(processes::list(call, app)),
        ("GET", ["processes", pid]) => pending(processes::get(call, app, pid)),
        ("DELETE", ["processes", pid]) => pending(processes::stop(call, app, pid)),
        ("GET", ["releases"]) => pending(releases::list(call, app)),
        ("POST", ["releases"]) => pending(releases::create(call, app)),
        ("GET", ["releases", id]) => pending(releases::get(call, app, id)),
        ("POST", ["releases", id, "promote"]) => pending(releases::promote(call, app, id)),
        ("GET", ["services"]) => pending(services::list(call, app)),
        ("PUT", ["services", name]) => pending(services::update(call, app, name)),
        ("POST", ["services", name, "processes"]) => pending(processes::run(call, app, name)),
        ("POST", ["services", name, "restart"]) => pending(services::restart(call, app, name)),
        (
            "POST",
            ["services", name, "scale-override"]
            | ["services", name, "triggers", "enable" | "disable" | "threshold"],
        ) => pending(services::accept_setting(call, app, name)),
        ("PUT", ["ssl", service, port]) => pending(services::set_certificate(call, app, service, port)),
        _ => return None,
    })
}

fn of_budget<'a>(call: Call, app: &'a str, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("GET", []) => pending(budget::get(call, app)),
        ("POST", []) => pending(budget::set(call, app)),
        ("DELETE", []) => pending(budget::clear(call, app)),
        ("POST", ["reset" | "dismiss-recovery"]) => pending(budget::acknowledge(call, app)),
        ("POST", ["simulate-shutdown"]) => pending(budget::simulate_shutdown(call, app)),
        ("GET", ["shutdown-state"]) => pending(budget::shutdown_state(call, app)),
        _ => return None,
    })
}

fn build<'a>(call: Call, app: &'a str, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    if let ("GET", [file]) = (method.as_str(), rest)
        && let Some(id) = file.strip_suffix(".tgz")
    {
        return Some(pending(transfer::export(call, app, id)));
    }
    Some(match (method.as_str(), rest) {
        ("GET", []) => pending(builds::list(call, app)),
        ("POST", []) => pending(builds::create(call, app)),
        ("POST", ["import"]) => pending(transfer::import(call, app)),
        ("GET", [id]) => pending(builds::get(call, app, id)),
        ("PUT", [id]) => pending(builds::update(call, app, id)),
        ("POST", [id, "image"]) => pending(builds::import_image(call, app, id)),
        _ => return None,
    })
}

fn resource_of_app<'a>(call: Call, app: &'a str, rest: &[&'a str]) -> Option<Pending<'a>> {
    let method = call.parts.method.clone();
    Some(match (method.as_str(), rest) {
        ("GET", []) => pending(resources::list_of_app(call, app)),
        ("GET", [name]) => pending(resources::get_of_app(call, app, name)),
        ("GET", [name, "data"]) => pending(resources::export(call, app, name)),
        ("PUT", [name, "data"]) => pending(resources::import(call, app, name)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    const WEB: &str = "/apps/web";

    /// The whole API, in the order of its documentation. `~` stands for an app.
    const ROUTES: &[&str] = &[
        "GET /auth",
        "GET /apps",
        "GET ~",
        "POST /apps",
        "PUT ~",
        "POST ~/cancel",
        "POST ~/restart",
        "GET ~/diagnose",
        "GET ~/metrics",
        "GET ~/metrics-by-service",
        "GET ~/services/web/metrics",
        "GET ~/manifest/services/web",
        "GET ~/budget",
        "POST ~/budget",
        "DELETE ~/budget",
        "POST ~/budget/reset",
        "POST ~/budget/simulate-shutdown",
        "POST ~/budget/dismiss-recovery",
        "GET ~/budget/shutdown-state",
        "GET ~/cost",
        "GET ~/balancers",
        "GET ~/builds",
        "POST ~/builds",
        "GET ~/builds/B000000001",
        "PUT ~/builds/B000000001",
        "GET ~/builds/B000000001.tgz",
        "POST ~/builds/import",
        "POST ~/builds/B000000001/image",
        "GET ~/configs",
        "GET ~/configs/x",
        "PUT ~/configs/x",
        "POST ~/objects/",
        "POST ~/objects/a/b//c",
        "GET ~/objects/a/b//c",
        "GET ~/objects",
        "DELETE ~/objects/a/b//c",
        "GET ~/processes",
        "GET ~/processes/web-6f9d-abcde",
        "POST ~/services/web/processes",
        "GET ~/processes/web-6f9d-abcde/files",
        "POST ~/processes/web-6f9d-abcde/files",
        "DELETE ~/processes/web-6f9d-abcde/files",
        "DELETE ~/processes/web-6f9d-abcde",
        "GET ~/releases",
        "POST ~/releases",
        "GET ~/releases/R000000001",
        "POST ~/releases/R000000001/promote",
        "GET ~/resources",
        "GET ~/resources/database",
        "GET ~/resources/database/data",
        "PUT ~/resources/database/data",
        "GET ~/services",
        "PUT ~/services/web",
        "POST ~/services/web/restart",
        "POST ~/services/web/scale-override",
        "POST ~/services/web/triggers/enable",
        "POST ~/services/web/triggers/disable",
        "POST ~/services/web/triggers/threshold",
        "PUT ~/ssl/web/443",
        "GET /certificates",
        "POST /certificates",
        "POST /certificates/generate",
        "POST /certificates/web/renew",
        "DELETE /certificates/cert-demo",
        "GET /letsencrypt/config",
        "PUT /letsencrypt/config",
        "POST /events",
        "GET /instances",
        "POST /instances/keyroll",
        "DELETE /instances/node-a",
        "GET /registries",
        "POST /registries",
        "DELETE /registries/https://a/b/",
        "PATCH /v2/x/blobs/uploads/",
        "PUT /custom/http/proxy/x",
        "GET /system",
        "PUT /system",
        "GET /system/capacity",
        "GET /system/metrics",
        "GET /system/processes",
        "GET /system/releases",
        "PUT /system/jwt/rotate",
        "POST /system/jwt/token",
        "POST /system/karpenter/cleanup",
        "GET /resources",
        "OPTIONS /resources",
        "POST /resources",
        "GET /resources/cache",
        "PUT /resources/cache",
        "POST /resources/cache/links",
        "DELETE /resources/cache/links/web",
        "DELETE /resources/cache",
        "DELETE ~",
    ];

    #[tokio::test]
    async fn every_route_asks_for_the_password_and_then_answers() {
        let client = Client::start().await;
        let stranger = reqwest::Client::new();
        for route in ROUTES {
            let (method, path) = route.split_once(' ').unwrap();
            let path = path.replace('~', WEB);
            let url = format!("{}{path}", client.rack.url());
            let refused = stranger.request(method.parse().unwrap(), url).send().await.unwrap();
            assert_eq!(refused.status(), 401, "{route}");
            let answer = client.request(method, &path).send().await.unwrap();
            let status = answer.status().as_u16();
            let unknown = status == 404 && answer.text().await.unwrap().is_empty();
            assert!(!unknown && status < 500, "{route}: {status}");
        }
    }

    #[tokio::test]
    async fn other_methods_and_deeper_paths_are_unknown() {
        let client = Client::start().await;
        for route in
            ["PATCH ~", "POST ~/logs", "HEAD /apps", "GET ~/processes/x/y", "GET /instances/node-a", "GET ~/"]
        {
            let (method, path) = route.split_once(' ').unwrap();
            let answer = client.request(method, &path.replace('~', WEB)).send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
                (404, ""),
                "{route}"
            );
        }
    }
}
