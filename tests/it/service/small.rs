//! A small service that is a process of its own: this test program once more, with one test that serves.

use super::server::Server;
use rack_gateway::config::{Env, ProcessEnv};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{ChildStdin, Command},
};

/// Holds what the child is to be, as JSON.
const ROLE: &str = "TEST_SMALL_SERVICE";
const SELF: &str = "service::small::a_small_service_lives_until_it_is_killed";

/// Killed when it is dropped.
pub struct Small {
    pub at: SocketAddr,
    process: tokio::process::Child,
    /// The child ends when this end is closed, however this program ended.
    _tie: ChildStdin,
}

/// Where and as what a service keeps itself registered.
pub struct Home<'a> {
    pub gateway: &'a str,
    pub token: &'a str,
    pub id: &'a str,
    pub slug: &'a str,
}

impl Small {
    /// One that only serves.
    pub async fn start(name: &str) -> Self {
        Self::with(json!({ "name": name })).await
    }

    /// One that registers itself, with a lease of five seconds and two more until it is forgotten, and says each second
    /// that it lives.
    pub async fn at_home(name: &str, home: &Home<'_>) -> Self {
        let Home { gateway, token, id, slug } = home;
        Self::with(json!({ "name": name, "gateway": gateway, "token": token, "id": id, "slug": slug })).await
    }

    async fn with(role: Value) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", SELF, "--nocapture", "--test-threads", "1"])
            .env(ROLE, role.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, at)) = line.split_once("serving at ") {
                    return at.parse().unwrap();
                }
            }
            panic!("the child ended");
        };
        let at = tokio::time::timeout(Duration::from_secs(30), told).await.expect("a child that serves");
        let tie = process.stdin.take().unwrap();
        Self { at, process, _tie: tie }
    }

    /// `kill -9`. Returns when nothing of it is left.
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

async fn serve(role: &Value) {
    let name = role["name"].as_str().unwrap().to_owned();
    let server = Server::start(name.leak()).await;
    let keeping = keep_registered(role, server.at);
    let orphaned = async {
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0; 1])).await;
    };
    tokio::select! {
        () = keeping => {}
        () = orphaned => {}
    }
}

async fn keep_registered(role: &Value, at: SocketAddr) {
    let word = |key: &str| role[key].as_str();
    if let (Some(gateway), Some(token), Some(id)) = (word("gateway"), word("token"), word("id")) {
        let client = reqwest::Client::new();
        let put = |path: &str| {
            client.put(format!("{gateway}registry-svc/instance{path}")).basic_auth("convox", Some(token))
        };
        let body = json!({
            "id": id, "slug": word("slug"), "url": format!("http://{at}"), "status": "Healthy",
            "ttl": 5, "deregisterAfter": 2, "check": { "type": "ttl" },
        });
        let answer = put("").json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        serving(at);
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = put(&format!("/{id}/heartbeat")).json(&json!({})).send().await;
        }
    }
    serving(at);
    std::future::pending::<()>().await;
}

/// Told to whoever started it.
fn serving(at: SocketAddr) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "serving at {at}").unwrap();
}

#[tokio::test]
async fn a_small_service_lives_until_it_is_killed() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Some(role) = Env::get(&ProcessEnv, ROLE) {
        return serve(&serde_json::from_str(&role).unwrap()).await;
    }
    let small = Small::start("one").await;
    let url = format!("http://{}/", small.at);
    let said: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
    assert_eq!(said["name"], "one");
    small.kill().await;
    assert!(reqwest::get(&url).await.unwrap_err().is_connect());
}
