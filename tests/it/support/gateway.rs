//! A whole gateway in the test's process, in front of a demo rack.

use super::{
    person::{Person, Until},
    wire::SOON,
};
use rack_gateway::{
    audit::LineSink,
    boot::{Enrolment, Gateway, Parts, Reloader, Source, Stopped},
    config::{Config, MapEnv},
    core::{SharedClock, SystemClock},
    demo::rack::{DemoRack, DemoRackOptions},
    net::Lanes,
    observe::metrics::Metrics,
    store::{Db, Options, Place},
};
use serde_json::Value;
use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Started, and stopped by [`TestGateway::stop`] or with the test's runtime.
pub struct TestGateway {
    /// Boxed, so that tests which hold several stay small.
    gateway: Box<Gateway>,
    config: Box<Config>,
    env: MapEnv,
    pub rack: DemoRack,
    pub db: Db,
    pub lines: Lines,
    pub clock: SharedClock,
    client: reqwest::Client,
    directory: TempDir,
}

/// Sends `request` until it is answered with `wanted`. For changes that a gateway learns of by itself, a moment after
/// they were written.
pub async fn until_status(request: impl Fn() -> reqwest::RequestBuilder, wanted: u16) {
    let started = Instant::now();
    loop {
        let answer = request().send().await.unwrap();
        let status = answer.status().as_u16();
        if status == wanted {
            return;
        }
        let is_in_time = started.elapsed() < SOON;
        assert!(is_in_time, "{} still answers {status}, not {wanted}", answer.url());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the gateway wrote to stdout.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub fn records(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for a record that `wanted` accepts.
    pub async fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        while started.elapsed() < SOON {
            if let Some(found) = self.records().into_iter().find(&wanted) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no such audit record among:\n{}", self.text());
    }
}

impl TestGateway {
    /// With the default configuration, on SQLite.
    pub async fn start() -> Self {
        Self::with([]).await
    }

    /// With variables of the environment, on SQLite.
    pub async fn with<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::new(Place::Sqlite(directory.path().join("gateway.db")))).await.unwrap();
        db.migrate().await.unwrap();
        Self::on(db, directory, variables).await
    }

    /// On a database of the test's choice, which must be migrated.
    pub async fn on<const N: usize>(db: Db, directory: TempDir, variables: [(&str, &str); N]) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let options = DemoRackOptions {
            step: Duration::from_millis(50),
            linger: Duration::from_secs(5),
            ..DemoRackOptions::new("rack-password")
        };
        let rack = DemoRack::start(options).await.unwrap();
        let env = MapEnv::from([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0"), ("RACK", "demo")])
            .with("RACK_HOST", rack.url())
            .with("RACK_TOKEN", "rack-password")
            .with("DRAIN_TIMEOUT", "5s");
        let env = variables.into_iter().fold(env, |env, (name, value)| env.with(name, value));
        let config = Box::new(Config::load(&env, None).unwrap_or_else(|errors| panic!("{errors}")));
        let lines = Lines::default();
        let clock: SharedClock = Arc::new(SystemClock);
        let parts = Parts {
            db: db.clone(),
            database_file: None,
            lines: LineSink::start(lines.clone()),
            clock: clock.clone(),
            metrics: Metrics::install().unwrap(),
            lanes: Lanes::default(),
        };
        let gateway = Box::new(Box::pin(Gateway::start(&config, parts)).await.unwrap());
        let client = reqwest::Client::new();
        Self { gateway, config, env, rack, db, lines, clock, client, directory }
    }

    /// What reads its configuration again. There is one.
    pub fn reloader(&mut self) -> Reloader {
        let source = Source { env: Arc::new(self.env.clone()), file: None };
        Reloader::new(&self.config, source, self.gateway.take_handles().expect("the only reloader"))
    }

    /// Where the embedded database lies.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// The way in for the first administrator, while there is none.
    pub fn first_link(&self) -> Option<&str> {
        self.gateway.first_link()
    }

    /// The ways in for administrators whom the environment names, and who have no other.
    pub fn enrolments(&self) -> &[Enrolment] {
        self.gateway.enrolments()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    /// The URL of a path of the default rack.
    pub fn rack_url(&self, path: &str) -> String {
        self.url(&format!("/api/v1/rack-proxy{path}"))
    }

    /// A request of the default rack's API, as in `GET /apps`, with the token as a stock client sends it.
    pub fn call(&self, token: &str, request: &str) -> reqwest::RequestBuilder {
        self.anonymous(request).basic_auth("convox", Some(token))
    }

    /// The same without a credential.
    pub fn anonymous(&self, request: &str) -> reqwest::RequestBuilder {
        let (method, path) = request.split_once(' ').unwrap();
        self.client.request(method.parse().unwrap(), self.rack_url(path))
    }

    /// A request of the gateway's own, as in `GET /api/v1/me`.
    pub fn own(&self, token: &str, request: &str) -> reqwest::RequestBuilder {
        let (method, path) = request.split_once(' ').unwrap();
        self.client.request(method.parse().unwrap(), self.url(path)).bearer_auth(token)
    }

    pub fn ops_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.ops_address())
    }

    /// A token of a new user who holds `role` on everything; in force when this returns.
    pub async fn token(&self, role: &str) -> String {
        self.token_on(role, "*").await
    }

    /// A token of a new user who holds `role` on `target`.
    pub async fn token_on(&self, role: &str, target: &str) -> String {
        let person = Person::add(&self.db, self.clock.now(), role, target, Until::default()).await;
        self.until_known(&person.token).await;
        person.token
    }

    pub async fn until_known(&self, token: &str) {
        for _ in 0..400 {
            let answer = self.own(token, "GET /api/v1/me").send().await.unwrap();
            if answer.status().is_success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the gateway did not learn of a new token");
    }

    pub async fn stop(self) -> Stopped {
        let stopped = self.gateway.stop().await;
        self.rack.shutdown().await;
        stopped
    }
}
