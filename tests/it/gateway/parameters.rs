//! A rack reads a parameter from more places than one. The gateway lets each through at one place only.

use crate::support::gateway::TestGateway;
use rack_gateway::gateway::classify::convox::{Body, Query, routes};
use reqwest::RequestBuilder;

const FORM: &str = "application/x-www-form-urlencoded";

fn with_form(request: RequestBuilder, form: &str) -> RequestBuilder {
    request.header("content-type", FORM).body(form.to_owned())
}

async fn outcome(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn misplaced_duplicate_and_unknown_parameters_are_refused_by_name() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let cases: &[(&str, &str, &[&str])] = &[
        ("GET /apps?x=1", "", &["\"x\"", "query parameter", "it takes none"]),
        ("GET /apps?name", "", &["\"name\""]),
        ("GET /apps/web/releases?Limit=1", "", &["\"Limit\"", "it takes limit"]),
        ("GET /apps/web/releases?limit=1&limit=2", "", &["\"limit\"", "more than once"]),
        ("GET /apps/web/releases?limit=1&%6cimit=2", "", &["\"limit\"", "more than once"]),
        ("GET /apps/web/releases?limit=1;id=2&id=3", "", &["\"id\""]),
        ("GET /apps?a=%zz", "", &["percent sign"]),
        ("GET /apps?a=%ff", "", &["UTF-8"]),
        ("POST /apps?name=x", "", &["\"name\" is a form field of POST /apps"]),
        ("POST /apps?name=x", "name=y", &["\"name\" is a form field of POST /apps"]),
        ("POST /system/jwt/token?role=admin&durationInHour=1", "", &["\"role\" is a form field"]),
        ("POST /apps/web/services/web/processes?Command=id", "", &["\"Command\" is a header"]),
        ("POST /apps", "name=a&name=b", &["\"name\"", "more than once"]),
        ("POST /apps", "name=a&n%61me=b", &["\"name\"", "more than once"]),
        ("POST /apps", "nam=a", &["\"nam\"", "it takes name, generation, timeout"]),
        ("POST /apps", "Name=a", &["\"Name\""]),
        ("POST /apps", "name=%", &["percent sign"]),
        ("POST /apps", "name=%ff", &["UTF-8"]),
        ("POST /apps", "name=a%00b", &["NUL"]),
        ("GET /apps/web/processes/web-6f9d-abcde/files?files=/etc", "", &["\"files\"", "it takes file"]),
        ("DELETE /apps/web", "force=true", &["DELETE /apps/{app} takes no body"]),
    ];
    for (request, form, parts) in cases {
        let call = gateway.call(&admin, request);
        let call = if form.is_empty() { call } else { with_form(call, form) };
        let (status, sentence) = outcome(call).await;
        assert_eq!(status, 400, "{request} {form}: {sentence}");
        for part in *parts {
            assert!(sentence.contains(part), "{request} {form}: {sentence}");
        }
    }
    assert_eq!(gateway.rack.requests(), []);
}

#[tokio::test]
async fn an_option_header_comes_once_and_is_not_named_by_connection() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let start = || gateway.call(&admin, "POST /apps/web/services/web/processes");
    let twice = start().header("Command", "true").header("command", "rm -rf /");
    let (status, sentence) = outcome(twice).await;
    assert_eq!((status, sentence.contains("\"command\" is given more than once")), (400, true), "{sentence}");
    let hidden = start().header("Command", "true").header("Connection", "Command");
    let (status, sentence) = outcome(hidden).await;
    assert_eq!((status, sentence.contains("Connection header names \"command\"")), (400, true), "{sentence}");
    assert_eq!(gateway.rack.requests(), []);
}

#[tokio::test]
async fn headers_alone_mint_no_rack_token() {
    let gateway = TestGateway::start().await;
    let (deployer, admin) = (gateway.token("deployer").await, gateway.token("admin").await);
    let mint = |token: &str| {
        let call = gateway.call(token, "POST /system/jwt/token");
        call.header("Role", "admin").header("durationInHour", "1")
    };
    let (status, sentence) = outcome(mint(&deployer)).await;
    assert_eq!((status, sentence.contains("convox:jwt:create")), (403, true), "{sentence}");
    assert_eq!(gateway.rack.requests(), []);

    let (status, _) = outcome(mint(&admin)).await;
    assert_eq!(status, 400, "the rack asks for the role, which did not arrive");
    let seen = &gateway.rack.requests()[0];
    assert_eq!((seen.header("role"), seen.header("durationinhour")), (None, None));
}

/// Each name that the rack takes as a parameter anywhere, sent as a header to a route that does not take it.
#[tokio::test]
async fn no_parameter_arrives_as_a_header_of_another_route() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let names: Vec<&str> = routes()
        .flat_map(|route| {
            let form: &[&str] = if let Body::Form(names) = route.body { names } else { &[] };
            let query: &[&str] = if let Query::Named(names) = route.query { names } else { &[] };
            form.iter().chain(query).chain(route.headers).copied()
        })
        // An underscore in a header's name is refused at the door, and stock clients state their version.
        .filter(|name| !name.contains('_') && *name != "version")
        .collect();
    assert!(names.len() > 150);
    for request in ["GET /apps", "GET /system", "POST /apps/web/restart"] {
        // A request has at most a hundred headers.
        for names in names.chunks(80) {
            let call = gateway.call(&admin, request);
            let dressed = names.iter().fold(call, |call, name| call.header(*name, "x"));
            assert_eq!(dressed.send().await.unwrap().status(), 200, "{request}");
        }
    }
    let update = gateway.call(&admin, "PUT /system").header("Version", "evil");
    assert_eq!(update.send().await.unwrap().status(), 200);
    for seen in gateway.rack.requests() {
        for name in &names {
            assert_eq!(seen.header(name), None, "{name} on {}", seen.target);
        }
        assert_eq!(seen.header("version"), None);
    }
    let stock = gateway.call(&admin, "GET /apps?").header("Version", "dev");
    assert_eq!(stock.send().await.unwrap().status(), 200);
    assert_eq!(gateway.rack.requests().last().unwrap().header("version"), Some("dev"));
}

#[tokio::test]
async fn options_of_a_process_arrive_and_their_secrets_are_not_logged() {
    let gateway = TestGateway::start().await;
    let ops = gateway.token("ops").await;
    let options = [
        ("Command", "echo caf\u{e9} --password=hunter2secret"),
        ("Cpu", "10"),
        ("Environment", "API_TOKEN=canary-4711"),
        ("Release", "R000000003"),
    ];
    let start = gateway.call(&ops, "POST /apps/web/services/web/processes");
    let start = options.iter().fold(start, |call, (name, value)| call.header(*name, value.as_bytes()));
    assert_eq!(start.send().await.unwrap().status(), 200);
    let seen = &gateway.rack.requests()[0];
    for (name, value) in options {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    let record = gateway.lines.wait_for(|record| record["action"] == "process.start").await;
    assert!(record["command"].as_str().unwrap().starts_with("echo caf\u{e9}"), "{record}");
    let text = gateway.lines.text();
    assert!(!text.contains("canary-4711") && !text.contains("hunter2secret"), "{text}");
}

#[tokio::test]
async fn bodies_that_a_rack_would_read_otherwise_are_not_taken() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nevil\r\n--b--\r\n";
    for (request, content_type, encoding, body) in [
        ("POST /apps", "multipart/form-data; boundary=b", "", multipart),
        ("POST /apps", "application/json", "", r#"{"name":"evil"}"#),
        ("POST /apps", "text/plain", "", "name=evil"),
        ("POST /apps", FORM, "gzip", "name=evil"),
        ("POST /apps", FORM, "br", "name=evil"),
        ("POST /apps/web/objects/a", FORM, "", "x=1"),
        ("POST /apps/web/objects/a", "Multipart/Form-Data; boundary=b", "", multipart),
        ("PUT /letsencrypt/config", FORM, "", "role=x"),
    ] {
        let mut call = gateway.call(&admin, request).header("content-type", content_type).body(body);
        if !encoding.is_empty() {
            call = call.header("content-encoding", encoding);
        }
        let (status, sentence) = outcome(call).await;
        assert_eq!(status, 415, "{request} {content_type} {encoding}: {sentence}");
        let method = request.split_once(' ').unwrap().0;
        assert!(sentence.contains(&format!("{method} /")), "{request}: {sentence}");
    }
    let twice = gateway.call(&admin, "POST /apps").header("content-type", FORM).body("name=evil");
    let (status, sentence) = outcome(twice.header("content-type", "text/plain")).await;
    assert_eq!((status, sentence.contains("content-type")), (400, true), "{sentence}");
    assert_eq!(gateway.rack.requests(), []);
}

/// The stock client sends a form with `GET /certificates`, which racks ignore.
#[tokio::test]
async fn a_get_may_have_a_body_and_it_stays_here() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let list = with_form(gateway.call(&admin, "GET /certificates?"), "generated=true");
    assert_eq!(list.send().await.unwrap().status(), 200);
    let seen = &gateway.rack.requests()[0];
    assert_eq!((seen.target.as_str(), seen.body_length), ("/certificates?", 0));
    assert_eq!((seen.header("content-length"), seen.header("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn the_actor_of_a_budget_change_is_the_caller_whoever_is_named() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let me: serde_json::Value =
        gateway.own(&admin, "GET /api/v1/me").send().await.unwrap().json().await.unwrap();
    for request in ["POST /apps/web/budget/reset", "DELETE /apps/web/budget"] {
        let clear = with_form(gateway.call(&admin, request), "ack_by=somebody");
        clear.send().await.unwrap();
    }
    let expected = form_urlencoded::Serializer::new(String::new())
        .append_pair("ack_by", me["email"].as_str().unwrap())
        .finish();
    let length = expected.len().to_string();
    let lengths: Vec<_> =
        gateway.rack.requests().iter().map(|seen| seen.header("content-length").map(str::to_owned)).collect();
    assert_eq!(lengths, [Some(length.clone()), Some(length)]);
}
