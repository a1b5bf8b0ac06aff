use super::*;
use crate::policy::{Demanding as _, MfaLevel, Permission};
use http::Version;

#[test]
fn every_route_demands_something_and_has_a_whole_name() {
    for route in routes() {
        assert!(!route.needs.is_empty(), "{route}");
        assert!(route.needs.iter().all(|permission| permission.name().starts_with("convox:")), "{route}");
        let (resource, action) = route.action.split_once('.').unwrap();
        assert!(!resource.is_empty() && !action.is_empty(), "{route}: {}", route.action);
        assert_eq!(route.resource_type(), resource);
        if let Some(subject) = route.subject {
            assert!(route.template.contains(&format!("{{{subject}}}")), "{route}: {subject}");
        }
    }
}

#[test]
fn every_permission_of_racks_that_is_not_about_variables_has_a_route() {
    // What a release's environment demands depends on what is in it; see `gateway::env`.
    let elsewhere = [Permission::EnvSet, Permission::SecretRead, Permission::SecretSet];
    for permission in Permission::ALL.iter().filter(|permission| permission.name().starts_with("convox:")) {
        let used = routes().any(|route| route.needs.contains(permission));
        assert_ne!(used, elsewhere.contains(permission), "{permission}");
    }
}

#[test]
fn no_change_hides_behind_a_reading_permission() {
    for route in
        routes().filter(|route| !matches!(route.verb, Verb::Get | Verb::Head | Verb::Options | Verb::Socket))
    {
        let changes = route.needs.iter().any(|need| need.effect() == crate::policy::Effect::Change);
        assert!(changes, "{route}");
    }
}

#[test]
fn no_parameter_of_a_route_has_two_places() {
    for route in routes() {
        let mut names: Vec<_> = route.parameters().map(str::to_ascii_lowercase).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{route}");
    }
}

/// Verb, path, demands with their targets, action, resource.
#[test]
fn demands() {
    for (request, expected, action, resource) in [
        ("GET /apps", "convox:app:list on staging", "app.list", "staging"),
        ("GET /apps/web", "convox:app:read on staging/web", "app.read", "web"),
        ("POST /apps", "convox:app:create on staging", "app.create", "staging"),
        ("PUT /apps/web", "convox:app:update on staging/web", "app.update", "web"),
        ("DELETE /apps/web", "convox:app:delete on staging/web", "app.delete", "web"),
        ("POST /apps/web/cancel", "convox:app:update on staging/web", "app.cancel", "web"),
        ("POST /apps/web/restart", "convox:app:restart on staging/web", "app.restart", "web"),
        (
            "POST /apps/web/services/api/restart",
            "convox:process:start on staging/web",
            "service.restart",
            "api",
        ),
        (
            "POST /apps/web/services/api/processes",
            "convox:process:start on staging/web",
            "process.start",
            "api",
        ),
        ("PUT /apps/web/services/api", "convox:app:update on staging/web", "service.update", "api"),
        ("GET /apps/web/processes", "convox:process:list on staging/web", "process.list", "web"),
        (
            "DELETE /apps/web/processes/p1",
            "convox:process:terminate on staging/web",
            "process.terminate",
            "p1",
        ),
        ("SOCKET /apps/web/processes/p1/exec", "convox:process:exec on staging/web", "process.exec", "p1"),
        ("SOCKET /apps/web/logs", "convox:log:read on staging/web", "log.read", "web"),
        ("SOCKET /system/logs", "convox:log:read on staging", "log.read", "staging"),
        ("GET /apps/web/builds/B1.tgz", "convox:build:read on staging/web", "build.export", "B1"),
        ("POST /apps/web/builds/import", "convox:build:create on staging/web", "build.import", "web"),
        (
            "POST /apps/web/releases/R1/promote",
            "convox:release:promote on staging/web",
            "release.promote",
            "R1",
        ),
        ("HEAD /apps/web/objects/a/b", "convox:object:read on staging/web", "object.read", "a/b"),
        ("POST /apps/web/objects/", "convox:object:create on staging/web", "object.create", ""),
        (
            "GET /apps/web/manifest/services/api",
            "convox:app:read on staging/web, convox:env:read on staging/web",
            "service.read",
            "api",
        ),
        ("GET /apps/web/configs/a", "convox:config:read on staging/web", "config.read", "a"),
        ("PUT /apps/web/ssl/api/443", "convox:cert:update on staging/web", "cert.apply", "api"),
        ("OPTIONS /resources", "convox:resource:list on staging", "resource.types", "staging"),
        ("DELETE /resources/db/links/web", "convox:resource:update on staging", "resource.unlink", "db"),
        ("SOCKET /proxy/db.internal/5432", "convox:proxy:connect on staging", "proxy.connect", "db.internal"),
        ("SOCKET /instances/i-1/shell", "convox:instance:shell on staging", "instance.shell", "i-1"),
        ("GET /registries", "convox:registry:list on staging", "registry.list", "staging"),
        (
            "DELETE /registries/https://index.docker.io/v1/",
            "convox:registry:remove on staging",
            "registry.remove",
            "https://index.docker.io/v1/",
        ),
        ("PUT /letsencrypt/config", "convox:cert:update on staging", "cert.configure", "staging"),
        (
            "PATCH /v2/web/blobs/uploads/1",
            "convox:internal:registry on staging",
            "internal.registry",
            "web/blobs/uploads/1",
        ),
        ("POST /custom/http/proxy/x", "convox:internal:http on staging", "internal.http", "x"),
        ("POST /system/jwt/token", "convox:jwt:create on staging", "jwt.create", "staging"),
        ("PUT /system/jwt/rotate", "convox:jwt:rotate on staging", "jwt.rotate", "staging"),
    ] {
        let call = call(request);
        let demands: Vec<_> = call
            .demands()
            .iter()
            .map(|demand| format!("{} on {}", demand.permission, demand.target))
            .collect();
        assert_eq!(demands.join(", "), expected, "{request}");
        assert_eq!(call.route.action, action, "{request}");
        assert_eq!(call.resource, resource, "{request}");
    }
}

#[test]
fn doors_round_the_gateway_ask_for_proof_each_time() {
    for request in
        ["GET /v2/x", "GET /custom/http/proxy/x", "POST /system/jwt/token", "SOCKET /instances/i/shell"]
    {
        assert!(call(request).route.needs.iter().all(|need| need.mfa() == MfaLevel::Always), "{request}");
    }
}

#[test]
fn what_no_row_lists_is_unknown() {
    for request in [
        "GET /",
        "GET //apps",
        "GET /apps/",
        "GET /system/",
        "GET /check",
        "HEAD /apps",
        "OPTIONS /apps",
        "OPTIONS /machines",
        "POST /machines",
        "PATCH /apps/web",
        "TRACE /apps",
        "CONNECT /apps",
        "BREW /apps",
        "get /apps",
        "GET /apps/web/parameters",
        "GET /apps/web/environment",
        "GET /apps/web/processes/p1/exec",
        "GET /apps/web/logs",
        "POST /apps/web/processes/p1/exec",
        "SOCKET /instances/i-1/ssh",
    ] {
        assert_eq!(classified(request, &[]).unwrap_err(), Unclassified::UnknownRoute, "{request}");
    }
}

#[test]
fn preflights_are_told_apart() {
    for request in ["GET /machines?", "GET /racks?", "GET /racks"] {
        assert_eq!(classified(request, &[]).unwrap_err(), Unclassified::Preflight, "{request}");
    }
}

#[test]
fn an_upgrade_counts_only_where_a_route_is_a_socket() {
    let list = call("SOCKET /apps");
    assert_eq!((list.route.verb, list.route.reply), (Verb::Get, Reply::Plain));
    let exec = call("SOCKET /apps/web/processes/p1/exec");
    assert_eq!(exec.route.reply, Reply::Socket(StreamKind::Exec));
    assert_eq!(exec.method, Method::GET);

    let asked = |list: &[(&str, &str)]| Upgrade::asked_by(Version::HTTP_11, &headers(list));
    assert_eq!(asked(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")]), Upgrade::WebSocket);
    assert_eq!(asked(&[("Connection", "Upgrade"), ("Upgrade", "h2c")]), Upgrade::None);
    assert_eq!(asked(&[("Upgrade", "websocket")]), Upgrade::None);
    let handshake = headers(&[("Connection", "Upgrade"), ("Upgrade", "websocket")]);
    assert_eq!(Upgrade::asked_by(Version::HTTP_10, &handshake), Upgrade::None);
}

#[test]
fn what_is_sent_is_rebuilt() {
    for (request, sent) in [
        ("GET /apps?", "/apps?"),
        ("GET /%61pps/we%62?", "/apps/web?"),
        ("GET /apps/web/releases?limit=%31", "/apps/web/releases?limit=1"),
        ("DELETE /registries/https://index.docker.io/v1/?", "/registries/https://index.docker.io/v1/?"),
        (
            "GET /apps/web/processes/p/files?file=%2Ftmp%2Fa;b",
            "/apps/web/processes/p/files?file=%2Ftmp%2Fa%3Bb",
        ),
    ] {
        assert_eq!(call(request).path_and_query, sent, "{request}");
    }
}

#[test]
fn captures_and_app() {
    let build = call("GET /apps/web/builds/B1.tgz");
    assert_eq!(
        (build.app.as_deref(), build.capture("id"), build.capture("pid")),
        (Some("web"), Some("B1"), None)
    );
    assert_eq!(build.route.template, "/apps/{app}/builds/{id}.tgz");
    assert_eq!(call("DELETE /resources/db/links/web").app, None);
}
