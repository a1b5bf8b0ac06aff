//! What Sentry is told by the real binary, and what it costs when Sentry is not there.

use crate::support::{process::Process, wire::SOON};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

type Items = Arc<Mutex<Vec<(String, Value)>>>;

/// Takes envelopes as the published format has them: a line of headers, then for each item a line of headers and a
/// payload of the length that it states.
struct Inbox {
    address: SocketAddr,
    items: Items,
}

impl Inbox {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, items) = (listener.local_addr().unwrap(), Items::default());
        let taken = items.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, taken.clone()));
            }
        });
        Self { address, items }
    }

    fn dsn(&self) -> String {
        format!("http://key@{}/7", self.address)
    }

    fn of(&self, kind: &str) -> Vec<Value> {
        let items = self.items.lock().unwrap();
        items.iter().filter(|(one, _)| one == kind).map(|(_, item)| item.clone()).collect()
    }

    async fn event(&self, wanted: &str) -> Value {
        self.item("event", |event| event["message"].as_str().is_some_and(|said| said.contains(wanted))).await
    }

    async fn item(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            if let Some(found) = self.of(kind).into_iter().find(&wanted) {
                return found;
            }
            assert!(started.elapsed() < SOON, "no such {kind} among {:#?}", self.of(kind));
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn take(stream: TcpStream, items: Items) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let mut rest = body.as_slice();
        let line = |rest: &mut &[u8]| -> Value {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let value = serde_json::from_slice(&rest[..end]).unwrap();
            *rest = rest.get(end + 1..).unwrap_or_default();
            value
        };
        line(&mut rest);
        while !rest.is_empty() {
            let header = line(&mut rest);
            let length = header["length"].as_u64().unwrap() as usize;
            let item = serde_json::from_slice(&rest[..length]).unwrap();
            items.lock().unwrap().push((header["type"].as_str().unwrap().to_owned(), item));
            rest = rest.get(length + 1..).unwrap_or_default();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    }
}

async fn rack() -> DemoRack {
    DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap()
}

async fn ask(gateway: &Process, token: &str, path: &str) -> u16 {
    let asked = reqwest::Client::new().get(gateway.rack_url(path)).bearer_auth(token);
    asked.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_rack_and_database_are_told_once_with_their_request_and_what_came_before() {
    let (inbox, rack) = (Inbox::start().await, rack().await);
    let dsn = inbox.dsn();
    let variables =
        [("SENTRY_DSN", dsn.as_str()), ("SENTRY_ENVIRONMENT", "drill"), ("SENTRY_TRACES_SAMPLE_RATE", "1.0")];
    let mut gateway = Process::start(&rack.url(), &variables).await;
    let person = gateway.person("viewer").await;
    assert_eq!(ask(&gateway, &person.token, "/apps?CANARY=CANARY").await, 400);
    rack.shutdown().await;
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &person.token, "/apps").await, 502);
    }

    let failure = inbox.event("upstream failure of demo").await;
    assert!(failure["message"].as_str().unwrap().contains("cannot be reached"), "{failure}");
    let request_id = failure["tags"]["request_id"].as_str().unwrap();
    let lines = failure["breadcrumbs"]["values"].as_array().unwrap();
    let own = lines.iter().find(|line| line["data"]["request_id"] == request_id).expect("its own line");
    assert_eq!(own["message"], "cannot ask the rack");
    assert!(lines.iter().any(|line| line["message"] == "Server listening"), "{lines:?}");

    let answer = inbox.event("502 ").await;
    assert_eq!(answer["transaction"], "GET /apps");
    assert_eq!((&answer["environment"], &answer["tags"]["status"]), (&"drill".into(), &"502".into()));
    let release = concat!("rack-gateway@", env!("CARGO_PKG_VERSION"));
    assert_eq!(answer["release"], release);
    let user = gateway.db.user_by_email(&person.email).await.unwrap();
    assert_eq!(answer["user"], serde_json::json!({ "id": user.id.to_string() }));
    assert_ne!(answer["tags"]["kind"], "server_error", "the refusal's own word");

    let trace = inbox.item("transaction", |trace| trace["transaction"] == "GET /apps").await;
    assert_eq!(trace["contexts"]["trace"]["op"], "http.server");

    let database = gateway.database();
    std::fs::rename(&database, database.with_extension("away")).unwrap();
    let started = Instant::now();
    while ask(&gateway, &person.token, "/apps").await != 503 {
        assert!(started.elapsed() < SOON);
        sleep(Duration::from_millis(50)).await;
    }
    let failure = inbox.event("database failure of audit log").await;
    assert_eq!(failure["tags"]["kind"], "database");
    std::fs::rename(database.with_extension("away"), &database).unwrap();
    let started = Instant::now();
    while ask(&gateway, &person.token, "/apps").await != 502 {
        assert!(started.elapsed() < SOON);
        sleep(Duration::from_millis(50)).await;
    }
    let all = inbox.of("event");
    let of_rack =
        all.iter().filter(|event| event["message"].as_str().unwrap().starts_with("upstream failure"));
    assert_eq!(of_rack.count(), 1, "one of a kind in a minute");
    let everything = format!("{:?}", inbox.items.lock().unwrap());
    assert!(
        !everything.contains("CANARY")
            && !everything.contains(&person.token)
            && !everything.contains(&person.email)
    );
    gateway.stop().await;
}

/// Kinds of failures, more than may wait.
const KINDS: [&str; 30] = [
    "/apps",
    "/apps/web",
    "/apps/web/builds",
    "/apps/web/releases",
    "/apps/web/services",
    "/apps/web/processes",
    "/apps/api",
    "/apps/api/builds",
    "/apps/api/releases",
    "/apps/api/services",
    "/apps/api/processes",
    "/system",
    "/system/processes",
    "/system/releases",
    "/instances",
    "/resources",
    "/registries",
    "/certificates",
    "/apps/web/balancers",
    "/apps/web/configs",
    "/apps/web/resources",
    "/apps/web/metrics",
    "/system/metrics",
    "/apps/web/builds/B1",
    "/apps/web/releases/R1",
    "/apps/web/processes/P1",
    "/apps/api/configs",
    "/apps/api/resources",
    "/apps/api/balancers",
    "/apps/api/metrics",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentry_that_never_answers_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dsn = format!("http://key@{}/7", silent.local_addr().unwrap());
    let rack = rack().await;
    let mut gateway =
        Process::start(&rack.url(), &[("SENTRY_DSN", &dsn), ("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let person = gateway.person("admin").await;
    rack.shutdown().await;
    // The first round grows what would grow anyway.
    for path in KINDS {
        ask(&gateway, &person.token, path).await;
    }
    let (before, started) = (gateway.memory(), Instant::now());
    for _ in 0..10 {
        for path in KINDS {
            assert!([404, 502].contains(&ask(&gateway, &person.token, path).await), "{path}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 4 * 1_024, "grew by {grown} KiB");
    assert!(gateway.metric("error_reports_total{outcome=\"suppressed\"}").await > 0.0);
    gateway.stop().await;
    assert!(gateway.log.text().contains("stopped"), "and the end is not held up either");
}
