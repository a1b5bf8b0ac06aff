use super::*;
use crate::policy::Demanding as _;

/// The names that are sent, sorted.
fn sent(request: &str, given: &[(&str, &str)]) -> Vec<String> {
    let mut names: Vec<_> =
        classified(request, given).unwrap().headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_stock_client_loses_nothing_that_matters() {
    let given = [
        ("Host", "gateway"),
        ("User-Agent", "convox.go/dev"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip"),
        ("Authorization", "Basic Y29u"),
        ("Content-Type", "application/octet-stream"),
        ("Version", "dev"),
    ];
    let call = classified("GET /apps?", &given).unwrap();
    assert_eq!(
        sent("GET /apps?", &given),
        ["accept", "accept-encoding", "content-type", "user-agent", "version"]
    );
    assert_eq!(call.headers["accept-encoding"], "gzip");
}

#[test]
fn what_speaks_for_the_gateway_is_never_copied() {
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Proxy-Anything",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
        "Host",
        "Authorization",
        "AUTHORIZATION",
        "Cookie",
        "Content-Length",
        "Convox-TID",
        "X-Convox-TID",
        "X-Convox-Actor",
        "Convox-Actor",
        "X-Host",
        "X-Port",
        "Rack",
        "Session",
        "X-Forwarded-For",
        "X-Forwarded-Anything",
        "Forwarded",
        "X-Real-IP",
        "X-Request-Id",
        "X-User-Email",
        "X-Mfa-Totp",
        "X-Mfa-Webauthn",
        "X-Registry-Token",
        "X-Csrf-Token",
        "X-Original-Url",
        "X-Rewrite-Url",
        "X-Http-Method-Override",
        "X-Method-Override",
        "Sec-WebSocket-Key",
        "HTTP2-Settings",
    ] {
        assert_eq!(sent("GET /apps", &[(name, "x")]), [""; 0], "{name}");
    }
}

#[test]
fn a_header_that_a_rack_would_take_for_a_parameter_is_dropped() {
    for (request, name) in [
        ("POST /system/jwt/token", "Role"),
        ("POST /system/jwt/token", "durationInHour"),
        ("POST /system/jwt/token", "Durationinhour"),
        ("POST /apps", "Name"),
        ("POST /apps", "NAME"),
        ("POST /apps/web/builds", "Url"),
        ("POST /apps", "Env"),
        ("POST /registries", "Password"),
        ("PUT /system", "Version"),
        ("GET /apps/web/processes/p/files", "File"),
        ("GET /apps/web/objects", "Prefix"),
        ("GET /apps", "Command"),
        ("GET /apps", "Environment"),
        ("DELETE /apps/web/budget", "Ack_by"),
    ] {
        assert_eq!(sent(request, &[(name, "x"), ("X-Own", "kept")]), ["x-own"], "{request} {name}");
    }
}

#[test]
fn options_of_a_command_arrive_byte_for_byte() {
    let long = format!("echo {}", "é".repeat(15_000));
    let given = [
        ("Command", long.as_str()),
        ("Environment", "A=1&SECRET=x"),
        ("Cpu-Limit", "10"),
        ("Follow", "true"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
    ];
    let call = classified("POST /apps/web/services/web/processes", &given).unwrap();
    assert_eq!(call.headers["command"].as_bytes(), long.as_bytes());
    assert_eq!(call.headers["cpu-limit"], "10");
    assert_eq!(call.headers.get_all("x-twice").iter().count(), 2);
    assert!(call.headers.get("follow").is_none());
    assert!(!format!("{call:?}").contains("SECRET=x"));
}

#[test]
fn sockets_keep_the_handshake_and_lose_the_origin() {
    let given = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Origin", "http://gateway"),
        ("Sec-WebSocket-Key", "a2V5"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Filter", "a b"),
        ("Follow", "false"),
    ];
    assert_eq!(
        sent("SOCKET /apps/web/logs", &given),
        ["filter", "follow", "sec-websocket-key", "sec-websocket-version"]
    );
    assert_eq!(sent("SOCKET /apps", &given), ["origin"]);
}

#[test]
fn connection_removes_what_is_the_clients_and_nothing_else() {
    let given =
        [("Connection", "close, x-own, CONTENT-TYPE"), ("X-Own", "1"), ("Content-Type", "text/plain")];
    assert_eq!(sent("POST /apps/web/builds/import", &given), ["content-type"]);
    let tricks =
        [("Connection", "authorization, convox-actor, sec-websocket-key"), ("Sec-WebSocket-Key", "a2V5")];
    assert_eq!(sent("SOCKET /apps/web/logs", &tricks), ["sec-websocket-key"]);
    let unmask = [("Connection", "accept-encoding"), ("Accept-Encoding", "gzip")];
    assert_eq!(sent("GET /apps/web/releases", &unmask), ["accept-encoding"]);
}

#[test]
fn what_is_masked_comes_uncompressed() {
    for request in ["GET /apps/web/releases", "GET /apps/web/releases/R1", "POST /apps/web/releases"] {
        let call = classified(request, &[("Accept-Encoding", "gzip"), ("Accept-Encoding", "br")]).unwrap();
        let values: Vec<_> = call.headers.get_all("accept-encoding").iter().collect();
        assert_eq!(values, ["identity"], "{request}");
    }
}

#[test]
fn only_the_door_inside_takes_an_address() {
    let address = [("X-Host", "10.0.0.1"), ("X-Port", "80")];
    assert_eq!(sent("GET /custom/http/proxy/x", &address), ["x-host", "x-port"]);
    assert_eq!(sent("GET /v2/x", &address), [""; 0]);
}

#[test]
fn a_process_that_leaves_its_app_needs_what_a_shell_on_the_instance_needs() {
    let needs = |given: &[(&str, &str)]| {
        let call = classified("POST /apps/web/services/web/processes", given).unwrap();
        call.demands().iter().map(|demand| demand.permission.name()).collect::<Vec<_>>()
    };
    assert_eq!(needs(&[("Command", "sleep 3600")]), ["convox:process:start"]);
    assert_eq!(needs(&[("Privileged", "false")]), ["convox:process:start"]);
    for option in [("Privileged", "true"), ("Volumes", "/:/host"), ("System-Critical", "true")] {
        assert_eq!(needs(&[option]), ["convox:process:start", "convox:instance:shell"], "{option:?}");
    }
}
