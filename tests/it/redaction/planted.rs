//! Secrets in every place of a request, and in what the rack answers: none is in the records, the table, the
//! metrics, the application log or the error reports.

use super::canaries::Canaries;
use crate::support::{
    fake_rack::FakeRack,
    process::Process,
    socket::{End, Socket, handshake},
    wire::{Wire, basic},
};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};

/// A process that tells as much as it can, and where its error reports go.
pub async fn talkative(rack: &str, more: &[(&str, &str)]) -> (Process, FakeRack) {
    let reports = FakeRack::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    let dsn = format!("{}/1", reports.url().replace("http://", "http://key@"));
    let variables = [
        ("LOG_LEVEL", "trace"),
        ("SENTRY_DSN", &*dsn),
        ("SENTRY_TRACES_SAMPLE_RATE", "1.0"),
        ("RATE_LIMIT_PER_MINUTE", "100000"),
    ];
    let variables: Vec<_> = variables.into_iter().chain(more.iter().copied()).collect();
    (Process::start(rack, &variables).await, reports)
}

/// Stops the process and searches everything that it wrote anywhere.
pub async fn hunt(canaries: &Canaries, mut process: Process, reports: &FakeRack) {
    canaries.hunt("/metrics", process.metrics().await.as_bytes());
    process.stop().await;
    canaries.hunt("stdout", process.lines.text().as_bytes());
    canaries.hunt("stderr", process.log.text().as_bytes());
    canaries.hunt("the database", &process.database_bytes());
    let envelopes: Vec<u8> = reports.seen().into_iter().flat_map(|(_, body)| body).collect();
    canaries.hunt("the error reports", &[b"reports:".as_slice(), &envelopes].concat());
}

pub struct Caller<'a> {
    pub process: &'a Process,
    pub token: &'a str,
}

impl Caller<'_> {
    /// A request with the caller's token. `headers` have their line ends. Status 0 when there is no answer.
    pub async fn send(&self, line: &str, headers: &str, body: &str) -> (u16, String) {
        self.send_as(&basic(self.token), line, headers, body).await
    }

    pub async fn send_as(&self, authorization: &str, line: &str, headers: &str, body: &str) -> (u16, String) {
        let (method, path) = line.split_once(' ').unwrap();
        let path =
            if path.starts_with("/api/") { path.to_owned() } else { format!("/api/v1/rack-proxy{path}") };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let mut wire = Wire::open(self.process.address).await;
        wire.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}{headers}{length}\r\n{body}"
        ))
        .await;
        let Some(head) = wire.try_head().await else { return (0, String::new()) };
        let body = wire.body(&head).await;
        (head.status(), body.text())
    }

    pub async fn form(&self, line: &str, body: &str) -> (u16, String) {
        self.send(line, "Content-Type: application/x-www-form-urlencoded\r\n", body).await
    }
}

/// CVE-2025-62513, CVE-2024-8365, CVE-2026-41181, CVE-2025-65944: secrets in records, logs, error pages and reports.
#[tokio::test]
async fn no_secret_of_a_request_is_written_down() {
    let canaries = Canaries::default();
    let plant = |place: &str| canaries.plant(place);
    let rack_password = plant("password of the rack");
    let rack = DemoRack::start(DemoRackOptions {
        step: Duration::from_millis(10),
        ..DemoRackOptions::new(rack_password.as_str())
    })
    .await
    .unwrap();
    let address = rack.url().replace("http://", &format!("http://convox:{rack_password}@"));
    let (process, reports) = talkative(&address, &[("RACK_TOKEN", "")]).await;
    let admin = process.person("admin").await.token;
    let viewer = process.person("viewer").await.token;
    canaries.know("good token", &admin);
    canaries.know("good token of a viewer", &viewer);
    let caller = Caller { process: &process, token: &admin };

    credentials(&caller, &canaries).await;
    headers(&caller, &canaries).await;
    targets(&caller, &canaries).await;
    environments(&caller, &canaries).await;
    forms(&caller, &canaries).await;
    bodies(&caller, &canaries).await;
    commands(&caller, &canaries, &viewer).await;

    assert!(canaries.count() >= 60, "only {} secrets were planted", canaries.count());
    hunt(&canaries, process, &reports).await;
}

async fn credentials(caller: &Caller<'_>, canaries: &Canaries) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let plant = |place: &str| canaries.plant(place);
    let encoded = |text: String| BASE64_STANDARD.encode(text);
    for authorization in [
        format!("Basic {}", encoded(format!("convox:{}", plant("bad password of Basic")))),
        format!("Basic {}", encoded(format!("{}:", plant("user name of Basic")))),
        format!("Basic {}", plant("Basic without Base64")),
        format!("Bearer {}", plant("bad Bearer")),
        format!("Bearer rgw_{}", plant("bad token of ours")),
        format!("Bearer eyJhbGciOiJIUzI1NiJ9.{}.{}", plant("claims of a JWT"), plant("signature of a JWT")),
        format!("Digest username=\"{}\"", plant("Digest")),
        format!("Negotiate {}", plant("Negotiate")),
        plant("bare Authorization"),
    ] {
        let header = format!("Authorization: {authorization}\r\n");
        for line in [
            "GET /apps",
            "POST /apps/web/restart",
            "GET /api/v1/me",
            "GET /api/v1/audit-logs",
            "GET /no/such",
        ] {
            caller.send_as(&header, line, "", "").await;
        }
    }
    let twice = format!("{}Authorization: Bearer {}\r\n", basic(caller.token), plant("second Authorization"));
    caller.send_as(&twice, "GET /apps", "", "").await;
}

async fn headers(caller: &Caller<'_>, canaries: &Canaries) {
    for name in [
        "Cookie",
        "X-Mfa-Totp",
        "X-Mfa-Webauthn",
        "X-Registry-Token",
        "X-Registry-Auth",
        "X-Csrf-Token",
        "Proxy-Authorization",
        "X-Api-Key",
        "X-Auth-Token",
        "X-Custom",
        "Session",
        "Convox-Tid",
        "X-Forwarded-For",
        "Forwarded",
        "Referer",
        "Origin",
        "Accept",
        "Content-Type",
        "If-None-Match",
        "Range",
        "Traceparent",
        "Sentry-Trace",
        "Baggage",
    ] {
        let secret = canaries.plant(name);
        let value = if name == "Referer" { format!("https://example.com/?token={secret}") } else { secret };
        for line in ["GET /apps", "POST /apps/web/restart", "GET /api/v1/me", "GET /apps/nope"] {
            caller.send(line, &format!("{name}: {value}\r\n"), "").await;
        }
    }
    let broken = canaries.plant("a head that is not HTTP");
    let mut wire = Wire::open(caller.process.address).await;
    wire.send(format!("GET /apps HTTP/1.1\r\nHost: gateway\r\nAuthorization : Bearer {broken}\r\n\r\n"))
        .await;
    wire.head().await;
    let mut wire = Wire::open(caller.process.address).await;
    wire.send(format!("{broken} {broken}\r\n\r\n")).await;
    wire.try_head().await;
}

async fn targets(caller: &Caller<'_>, canaries: &Canaries) {
    let plant = |place: &str| canaries.plant(place);
    for (line, status) in [
        (format!("GET /apps?token={}", plant("unknown query parameter")), 400),
        (format!("GET /apps/web/objects?prefix={}", plant("known query parameter")), 200),
        (format!("GET /apps/web/objects?prefix=a&prefix={}", plant("query parameter twice")), 400),
        (format!("POST /apps/web/restart?password={}", plant("query of a POST")), 400),
        (format!("GET /no/such/route?key={}", plant("query of an unknown route")), 404),
        (format!("GET /api/v1/audit-logs?since={}", plant("bad value of our own API")), 400),
        (format!("GET /api/v1/nothing?x={}", plant("query of our own API")), 404),
    ] {
        let (answered, body) = caller.send(&line, "", "").await;
        assert_eq!(answered, status, "{line} {body}");
    }
}

async fn environments(caller: &Caller<'_>, canaries: &Canaries) {
    let plant = |place: &str| canaries.plant(place);
    let (secret, plain, url) =
        (plant("secret variable"), plant("plain variable"), plant("URL in a variable"));
    let env =
        format!("API_TOKEN%3D{secret}%0AFOO%3D{plain}%0ADATABASE_URL%3Dpostgres%3A%2F%2Fu%3A{url}%40db%2Fx");
    let (status, release) = caller.form("POST /apps/web/releases", &format!("env={env}")).await;
    assert_eq!(status, 200, "{release}");
    let release: Value = serde_json::from_str(&release).unwrap();
    let id = release["id"].as_str().unwrap();
    let (status, shown) = caller.send(&format!("GET /apps/web/releases/{id}"), "", "").await;
    assert_eq!(status, 200);
    for secret in [secret, plain, url] {
        assert!(shown.contains(&secret), "an administrator sees what was set: {shown}");
    }
    caller.send("GET /apps/web/releases", "", "").await;
    caller.form(&format!("POST /apps/web/releases/{id}/promote"), "").await;

    for (body, status) in [
        (format!("env={}", plant("line without =")), 400),
        (format!("env=A%3D1%0A{}", plant("second line without =")), 400),
        (format!("env=NEW_TOKEN%3D********************%0AX%3D{}", plant("beside a mask")), 400),
        (format!("env=A%3D{}%0AA%3D2", plant("key set twice")), 400),
        (format!("env=A%3D1&env=B%3D{}", plant("env twice")), 400),
        (format!("env=A%3D1&nonsense={}", plant("unknown field")), 400),
    ] {
        let (answered, text) = caller.form("POST /apps/web/releases", &body).await;
        assert_eq!(answered, status, "{body} {text}");
    }
    let missing = plant("environment of an unknown app");
    assert_eq!(caller.form("POST /apps/nope/releases", &format!("env=A%3D{missing}")).await.0, 404);
}

async fn forms(caller: &Caller<'_>, canaries: &Canaries) {
    let plant = |place: &str| canaries.plant(place);
    let (status, _) = caller
        .form("POST /registries", &format!("server=r.example.com&username=u&password={}", plant("registry")))
        .await;
    assert_eq!(status, 200);
    let (status, _) = caller
        .form("POST /certificates", &format!("pub=p&key={}&chain={}", plant("private key"), plant("chain")))
        .await;
    assert!(status == 200 || status == 400, "{status}");
    let parameters = format!("kind=postgres&name=db1&parameters=Password%3D{}", plant("resource parameter"));
    caller.form("POST /resources", &parameters).await;
    let repository = plant("URL of a repository");
    let build = format!("url=https%3A%2F%2Fme%3A{repository}%40git.example.com%2Fx.git&description=d");
    caller.form("POST /apps/web/builds", &build).await;
    let arguments = format!("url=object%3A%2F%2Fweb%2Fx&build-args=NPM_TOKEN%3D{}", plant("build argument"));
    caller.form("POST /apps/web/builds", &arguments).await;
    caller.form("POST /events", &format!("action=a&data={}", plant("event"))).await;

    let (status, minted) = caller.form("POST /system/jwt/token", "role=read&durationInHour=1").await;
    assert_eq!(status, 200, "{minted}");
    let minted: Value = serde_json::from_str(&minted).unwrap();
    let token = minted.as_object().unwrap().values().find_map(Value::as_str).unwrap();
    assert!(token.len() > 20, "{minted}");
    canaries.know("token that the rack minted", token);
    let (status, key) = caller.form("POST /instances/keyroll", "").await;
    assert_eq!(status, 200, "{key}");
}

async fn bodies(caller: &Caller<'_>, canaries: &Canaries) {
    let plant = |place: &str| canaries.plant(place);
    let json = format!("{{\"password\":\"{}\"}}", plant("JSON sent as a form"));
    caller.form("POST /registries", &json).await;
    let json = format!("{{\"password\":\"{}\"}}", plant("JSON for a form"));
    caller.send("POST /registries", "Content-Type: application/json\r\n", &json).await;
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n--x--\r\n",
        plant("multipart")
    );
    caller.send("POST /registries", "Content-Type: multipart/form-data; boundary=x\r\n", &multipart).await;
    caller.form("POST /registries", &format!("password=%zz{}", plant("bad escape"))).await;
    caller.form("POST /registries", &format!("password=%ff{}", plant("not UTF-8"))).await;
    caller.send("POST /no/such/route", "", &plant("body for an unknown route")).await;
    caller.send("POST /apps/web/restart", "", &plant("body where none belongs")).await;
    caller.send("POST /apps/web/objects/tmp/x", "", &plant("object")).await;
    caller.send("PUT /apps/web/resources/database/data", "", &plant("data of a resource")).await;
    caller.send("PUT /letsencrypt/config", "Content-Type: application/json\r\n", &plant("JSON body")).await;
    caller.send("POST /api/v1/me", "", &plant("body for our own API")).await;
    let (_, tar) = caller.send("GET /apps/web/resources/database/data", "", "").await;
    assert!(!tar.is_empty());
    // The rest of the body never comes.
    let mut wire = Wire::open(caller.process.address).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n";
    let head = format!(
        "POST /api/v1/rack-proxy/registries HTTP/1.1\r\nHost: gateway\r\n{}{form}\r\n",
        basic(caller.token)
    );
    wire.send(format!("{head}password={}", plant("body that breaks off"))).await;
}

async fn commands(caller: &Caller<'_>, canaries: &Canaries, viewer: &str) {
    let plant = |place: &str| canaries.plant(place);
    let address = caller.process.address;
    let scripts = [
        format!("env DATABASE_PASSWORD={} bin/migrate", plant("assignment in a command")),
        format!("mysql --password={}", plant("option in a command")),
        format!("curl -H 'Authorization: Bearer {}' http://x", plant("header in a command")),
        format!("psql postgres://app:{}@db/x", plant("URL in a command")),
        format!("curl 'http://x/?token={}'", plant("query in a command")),
    ];
    for script in &scripts {
        // The toy shell repeats an unknown command, so that the output has the secret as well.
        let outcome = exec(address, caller.token, script).await.finish().await;
        assert_eq!(outcome.end, End::Told);
        let refused = exec(address, viewer, script).await.finish().await;
        assert_eq!(refused.exit, Ok(1));
        caller.send("POST /apps/web/services/web/processes", &format!("Command: {script}\r\n"), "").await;
    }
    let output = exec(address, caller.token, "env").await.finish().await;
    assert!(output.text().contains('='), "{}", output.text());
    let typed = plant("typed into a command");
    let outcome = exec(address, caller.token, "cat").await.converse(typed.as_bytes()).await;
    assert_eq!(outcome.output, typed.as_bytes());
    let options = format!("Environment: SECRET={}\r\n", plant("header Environment"));
    caller.send("POST /apps/web/services/web/processes", &format!("Command: id\r\n{options}"), "").await;
    let filter = format!("Follow: false\r\nFilter: {}\r\n", plant("filter of a log"));
    Socket::open(address, &handshake(caller.token, "/apps/web/logs", &filter)).await.finish().await;
    let key = format!("Private-Key: {}\r\n", plant("header Private-Key"));
    caller.send("GET /apps/web/configs", &key, "").await;
}

/// By the service's name: a promote gives its processes new ones.
async fn exec(address: SocketAddr, token: &str, command: &str) -> Socket {
    let request = handshake(token, "/apps/web/processes/web/exec", &format!("Command: {command}\r\n"));
    Socket::open(address, &request).await
}
