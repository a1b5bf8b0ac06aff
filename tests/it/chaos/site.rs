//! A rack, a database and somebody who may deploy: what a gateway needs, and what outlives it.

use super::{
    child::{Child, PATIENCE, Reader, Refused},
    cluster::{Cluster, run_sql},
};
use crate::support::{
    database::postgres_server,
    person::{Person, Until},
};
use futures_util::FutureExt as _;
use rack_gateway::{
    core::{Clock as _, RequestId, Secret, SystemClock, Timestamp},
    demo::rack::{DemoRack, DemoRackOptions},
    store::{Db, Options, Place},
};
use reqwest::{RequestBuilder, Response, StatusCode};
use std::{
    collections::HashMap,
    net::SocketAddr,
    panic::{AssertUnwindSafe, resume_unwind},
    path::Path,
    time::Duration,
};

const RACK_PASSWORD: &str = "rack-password";
/// Connections that have rested for longer are not used again: a server that goes away closes them.
const RESTED: Duration = Duration::from_millis(500);

pub struct Site {
    pub rack: DemoRack,
    pub place: Place,
    pub deployer: Person,
    client: reqwest::Client,
}

/// An answer that has been read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub request_id: RequestId,
    pub body: String,
}

impl Answer {
    /// The word for programs in a refusal.
    pub fn code(&self) -> String {
        let document: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Runs `test` on a fresh database of each engine.
pub async fn each_engine(test: impl AsyncFn(Place)) {
    let directory = tempfile::tempdir().unwrap();
    test(sqlite_in(directory.path())).await;
    on_postgres(test).await;
}

pub fn sqlite_in(directory: &Path) -> Place {
    Place::Sqlite(directory.join("gateway.db"))
}

/// Runs `test` on an empty PostgreSQL database, if there is any.
pub async fn on_postgres(test: impl AsyncFn(Place)) {
    if let Some(cluster) = Cluster::start().await {
        return test(Place::Postgres(Secret::new(cluster.url("gateway")))).await;
    }
    let Some(server) = postgres_server() else { return };
    let name = format!("rgw_chaos_{}", RequestId::new(Timestamp::default()).as_uuid().simple());
    run_sql(&server, &format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    let outcome = AssertUnwindSafe(test(Place::Postgres(Secret::new(url)))).catch_unwind().await;
    run_sql(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

impl Site {
    pub async fn on(place: Place) -> Self {
        Self::with_step(place, Duration::from_millis(20)).await
    }

    /// `step` is how long a promotion takes.
    pub async fn with_step(place: Place, step: Duration) -> Self {
        let options = DemoRackOptions { step, ..DemoRackOptions::new(RACK_PASSWORD) };
        let rack = DemoRack::start(options).await.unwrap();
        let db = Db::open(&Options::new(place.clone())).await.unwrap();
        db.migrate().await.unwrap();
        let deployer = deployer(&db).await;
        db.close().await;
        let client = reqwest::Client::builder().timeout(PATIENCE).pool_idle_timeout(RESTED).build().unwrap();
        Self { rack, place, deployer, client }
    }

    pub async fn db(&self) -> Db {
        let options = Options { max_connections: 2, ..Options::new(self.place.clone()) };
        Db::open(&options).await.unwrap()
    }

    pub fn variables(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let database = match &self.place {
            Place::Sqlite(path) => ("SQLITE_PATH", path.display().to_string()),
            Place::Postgres(url) => ("DATABASE_URL", url.expose().to_owned()),
        };
        let fixed = [
            ("LISTEN", "127.0.0.1:0".to_owned()),
            ("OPS_LISTEN", "127.0.0.1:0".to_owned()),
            ("RACK", "demo".to_owned()),
            ("RACK_HOST", self.rack.url()),
            ("RACK_TOKEN", RACK_PASSWORD.to_owned()),
            ("RATE_LIMIT_PER_MINUTE", "1000000".to_owned()),
            ("WORKER_THREADS", "2".to_owned()),
        ];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let all = fixed.into_iter().chain([database]).chain(more);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub async fn start(&self) -> Child {
        self.start_with(&[]).await
    }

    pub async fn start_with(&self, more: &[(&str, &str)]) -> Child {
        self.try_start(more).await.unwrap()
    }

    pub async fn try_start(&self, more: &[(&str, &str)]) -> Result<Child, Refused> {
        Child::start(&self.variables(more), Reader::Here).await
    }

    /// A call of the rack by the deployer. `Err` when no answer came.
    pub async fn call(
        &self,
        gateway: &Child,
        method: &str,
        path: &str,
        form: &str,
    ) -> Result<Answer, reqwest::Error> {
        self.call_at(gateway.address, method, path, form).await
    }

    /// The same at an address that may be several gateways'.
    pub async fn call_at(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        form: &str,
    ) -> Result<Answer, reqwest::Error> {
        let answer = self
            .request_at(address, method, &format!("/api/v1/rack-proxy{path}"))
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await?;
        let (status, request_id) = (answer.status(), request_id(&answer));
        Ok(Answer { status, request_id, body: answer.text().await? })
    }

    /// A request by the deployer.
    pub fn request_at(&self, address: SocketAddr, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{address}{path}");
        self.client.request(method.parse().unwrap(), url).basic_auth("convox", Some(&self.deployer.token))
    }

    /// The smallest change there is.
    pub async fn restart_app(&self, gateway: &Child) -> Answer {
        self.call(gateway, "POST", "/apps/web/restart", "").await.unwrap()
    }

    pub async fn list_apps(&self, gateway: &Child) -> Answer {
        self.call(gateway, "GET", "/apps", "").await.unwrap()
    }

    /// Asks for changes until one is made.
    pub async fn until_changes_are_made(&self, gateway: &Child) -> Answer {
        for _ in 0..PATIENCE.as_millis() / 50 {
            let answer = self.restart_app(gateway).await;
            if answer.status.is_success() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no change is made any more");
    }

    /// The newest release of the app `web`.
    pub async fn release(&self, gateway: &Child) -> String {
        let releases = self.call(gateway, "GET", "/apps/web/releases?limit=1", "").await.unwrap();
        let releases: serde_json::Value = serde_json::from_str(&releases.body).unwrap();
        releases[0]["id"].as_str().unwrap().to_owned()
    }

    /// The changes that the rack was asked for, by request id, and how often.
    pub fn changes_seen(&self) -> HashMap<RequestId, usize> {
        let mut changes = HashMap::new();
        for request in self.rack.requests() {
            if request.method != "GET" {
                let id = request.header("x-request-id").expect("each forwarded request has its id");
                *changes.entry(id.parse().unwrap()).or_default() += 1;
            }
        }
        changes
    }

    pub async fn status(&self, gateway: &Child, path: &str) -> u16 {
        get(&format!("http://{}{path}", gateway.address)).await.0
    }

    pub async fn readiness(&self, gateway: &Child) -> u16 {
        get(&format!("http://{}/readyz", gateway.ops_address)).await.0
    }

    /// The value of a metric without labels; 0 when it was never touched.
    pub async fn metric(&self, gateway: &Child, name: &str) -> f64 {
        let (_, text) = get(&format!("http://{}/metrics", gateway.ops_address)).await;
        let of_name = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        text.lines().find_map(of_name).unwrap_or(0.0)
    }
}

/// Somebody new who may deploy everything, with a token.
pub async fn deployer(db: &Db) -> Person {
    Person::add(db, SystemClock.now(), "deployer", "*", Until::default()).await
}

pub fn request_id(answer: &Response) -> RequestId {
    let id = answer.headers().get("x-request-id").expect("each answer has its id");
    id.to_str().unwrap().parse().unwrap()
}

/// On a connection of its own, as probes do.
async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::new().get(url).timeout(PATIENCE).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
