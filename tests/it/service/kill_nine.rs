//! Three services that are processes, of which one is killed: `kill -9`.

use super::{
    call,
    commands::Shell,
    gateway,
    small::{Home, Small},
};
use crate::{
    directory::watcher::Watcher,
    support::{gateway::TestGateway, wire::SOON},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// One call under load: when it began, what was answered, by whom, and under which number.
#[derive(Debug)]
struct Called {
    began: Instant,
    status: Option<u16>,
    name: String,
    request_id: String,
}

/// 200 calls of `web` a second until it is ended.
struct Load {
    over: Arc<AtomicBool>,
    calls: Arc<Mutex<Vec<Called>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(gateway: &Arc<TestGateway>, token: &str) -> Self {
        let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<Called>>>::default());
        let (gateway, token) = (gateway.clone(), token.to_owned());
        let (until, kept) = (over.clone(), calls.clone());
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            let mut under_way = tokio::task::JoinSet::new();
            while !until.load(SeqCst) {
                tick.tick().await;
                let (call, kept) = (call(&gateway, &token, "GET /web/x").send(), kept.clone());
                under_way.spawn(async move {
                    let called = one(call).await;
                    kept.lock().unwrap().push(called);
                });
            }
            under_way.join_all().await;
        });
        Self { over, calls, task }
    }

    /// Ends when every call has its answer.
    async fn end(self) -> Vec<Called> {
        self.over.store(true, SeqCst);
        self.task.await.unwrap();
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

async fn one(call: impl Future<Output = reqwest::Result<reqwest::Response>>) -> Called {
    let began = Instant::now();
    let Ok(answer) = call.await else {
        return Called { began, status: None, name: String::new(), request_id: String::new() };
    };
    let status = Some(answer.status().as_u16());
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    match answer.json::<Value>().await {
        Ok(said) => {
            let name = said["name"].as_str().unwrap_or_default().to_owned();
            Called { began, status, name, request_id }
        }
        // It broke off in its middle.
        Err(_) => Called { began, status: None, name: String::new(), request_id },
    }
}

async fn metric(gateway: &TestGateway, series: &str) -> f64 {
    let text = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series}")).trim().parse().unwrap()
}

/// The id of the instance of `web` that listens there, once it is known.
async fn id_at(gateway: &TestGateway, token: &str, at: std::net::SocketAddr) -> String {
    for _ in 0..600 {
        let list = gateway.own(token, "GET /registry-svc/instances?slug=web").send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let mut all = list["instances"].as_array().unwrap().iter();
        if let Some(found) = all.find(|one| one["url"] == format!("http://{at}")) {
            return found["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing is registered at {at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_processes_is_killed_and_no_later_get_fails() {
    let gateway = Arc::new(gateway().await);
    let admin = gateway.token("admin").await;
    let url = gateway.url("/");
    let home = |id: &'static str| Home { gateway: &url, token: &admin, id, slug: "web" };
    let mut watcher = Watcher::open(&gateway, &admin, "?slug=web").await;
    let victim = Small::at_home("one", &home("inst_one")).await;
    let second = Small::at_home("two", &home("inst_two")).await;
    let third = Small::start("three").await;
    let shell = Shell::new(&gateway, &admin);
    let service = format!("web=http://{}", third.at);
    let _agent = shell
        .command(&["agent", "--service", &service, "--node-url", "http://worker-3", "--ttl", "5"])
        .spawn()
        .unwrap();
    let third_id = id_at(&gateway, &admin, third.at).await;
    let names = HashMap::from([("one", "inst_one"), ("two", "inst_two"), ("three", third_id.as_str())]);
    let places = HashMap::from([("one", victim.at), ("two", second.at), ("three", third.at)]);

    let load = Load::start(&gateway, &admin);
    tokio::time::sleep(Duration::from_secs(1)).await;
    victim.kill().await;
    let killed = Instant::now();
    let down = |kind: &str, data: &Value| kind == "status" && data["instance"]["status"] == "Unreachable";
    let lost = watcher.wait_for(down).await;
    assert_eq!(lost["instance"]["id"], "inst_one");
    assert_eq!(lost["instance"]["details"], "no heartbeat for 5 seconds");
    // The lease, the second until it is looked at, and a machine that is busy.
    assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    watcher.wait_for(|kind, data| kind == "expired" && data["instance"]["id"] == "inst_one").await;
    let gone = gateway.own(&admin, "GET /registry-svc/instance/inst_one").send().await.unwrap();
    assert_eq!(gone.status(), 404);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let calls = load.end().await;

    assert!(calls.len() > 500, "{} calls", calls.len());
    let failed: Vec<_> = calls.iter().filter(|called| called.status != Some(200)).collect();
    assert!(failed.iter().all(|called| called.began < killed), "calls failed after the kill: {failed:?}");
    assert!(failed.len() < 10, "more failed than were under way: {failed:?}");
    for name in names.keys() {
        assert!(calls.iter().any(|called| called.name == *name && called.began < killed), "{name} is called");
    }
    assert!(!calls.iter().any(|called| called.name == "one" && called.began > killed));

    assert!(metric(&gateway, "proxy_upstream_retries_total{slug=\"web\"}").await >= 1.0);
    assert!(metric(&gateway, "proxy_upstream_ejections_total{slug=\"web\"}").await >= 1.0);
    assert!(metric(&gateway, "registry_lease_expirations_total").await >= 1.0);
    assert!(metric(&gateway, "registry_instances_expired_total").await >= 1.0);
    let answered = metric(&gateway, "proxy_upstream_requests_total{slug=\"web\",code=\"200\"}").await;
    assert!(answered as usize >= calls.len() - failed.len(), "{answered} of {}", calls.len());

    // Each record names who answered, also where another one was tried before.
    let last = calls.iter().max_by_key(|called| called.began).unwrap();
    gateway.lines.wait_for(|line| line["request_id"] == last.request_id.as_str()).await;
    let records: HashMap<String, Value> = gateway
        .lines
        .records()
        .into_iter()
        .filter(|record| record["action"] == "service.call")
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();
    for called in calls.iter().filter(|called| called.status == Some(200)) {
        let record = &records[&called.request_id];
        let named = (&record["instance"], &record["instance_address"]);
        let expected = (json!(names[&*called.name]), json!(format!("http://{}", places[&*called.name])));
        assert_eq!(named, (&expected.0, &expected.1), "{record}");
    }

    // The others go, and the one that comes back is called at once.
    for id in ["inst_two", &third_id] {
        let drain = gateway.own(&admin, &format!("PUT /registry-svc/instance/{id}/drain"));
        assert!(drain.json(&json!({ "reason": "upgrade" })).send().await.unwrap().status().is_success());
    }
    let none = call(&gateway, &admin, "GET /web/x").send().await.unwrap();
    assert_eq!(none.status(), 503);
    let _again = Small::at_home("one again", &home("inst_one")).await;
    let first = call(&gateway, &admin, "GET /web/x").send().await.unwrap();
    assert_eq!(first.status(), 200, "at the first call");
    assert_eq!(first.json::<Value>().await.unwrap()["name"], "one again");
    watcher.wait_for(|kind, data| kind == "registered" && data["instance"]["id"] == "inst_one").await;
}
