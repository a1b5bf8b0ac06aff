//! The real binary, serving in a process of its own, in front of a rack of the test's choice.

use super::{
    gateway::Lines,
    person::{Person, Until},
    wire::SOON,
};
use rack_gateway::{
    core::{Clock as _, SystemClock},
    store::{Db, Options, Place},
};
use std::{io::Write as _, net::SocketAddr, path::Path, process::Stdio};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    time::{Instant, sleep},
};

/// Killed when it is dropped.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    pub ops_address: SocketAddr,
    pub db: Db,
    /// What it wrote to stdout: audit records.
    pub lines: Lines,
    /// What it wrote to stderr: the application log.
    pub log: Lines,
    directory: TempDir,
}

impl Process {
    /// Serves on SQLite with these variables of the environment and no others.
    pub async fn start(rack: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("gateway.db");
        let db = Db::open(&Options::new(Place::Sqlite(database.clone()))).await.unwrap();
        db.migrate().await.unwrap();
        let (lines, log) = (Lines::default(), Lines::default());
        let (child, address, ops_address) = launch(rack, variables, &database, &lines, &log).await;
        Self { child, address, ops_address, db, lines, log, directory }
    }

    /// Kills it, without a word, and starts another on the same database. What both recorded is in `lines`.
    pub async fn kill_and_start_again(&mut self, rack: &str, variables: &[(&str, &str)]) {
        self.child.kill().await.unwrap();
        let (database, log) = (self.directory.path().join("gateway.db"), Lines::default());
        (self.child, self.address, self.ops_address) =
            launch(rack, variables, &database, &self.lines, &log).await;
        self.log = log;
    }

    pub fn rack_url(&self, path: &str) -> String {
        format!("http://{}/api/v1/rack-proxy{path}", self.address)
    }

    /// Known to the process when this returns.
    pub async fn person(&self, role: &str) -> Person {
        let person = Person::add(&self.db, SystemClock.now(), role, "*", Until::default()).await;
        let me = format!("http://{}/api/v1/me", self.address);
        let client = reqwest::Client::new();
        let started = Instant::now();
        while !client.get(&me).bearer_auth(&person.token).send().await.unwrap().status().is_success() {
            assert!(started.elapsed() < SOON, "the process did not learn of a new token");
            sleep(std::time::Duration::from_millis(50)).await;
        }
        person
    }

    pub async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.ops_address);
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    /// The value of one series, such as `gateway_tunnels_open{kind="logs"}`; 0 when there is none.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The sum over all series of a family without buckets.
    pub async fn metric_of(&self, family: &str) -> f64 {
        let text = self.metrics().await;
        let series =
            text.lines().filter(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{')));
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// The file of its database.
    pub fn database(&self) -> std::path::PathBuf {
        self.directory.path().join("gateway.db")
    }

    /// The bytes of all files of the database.
    pub fn database_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Resident memory now, in KiB.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most resident memory there ever was, in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends it a signal by its name, such as `HUP`.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap().success());
    }

    /// Waits until its log has this.
    pub async fn logged(&self, wanted: &str) -> String {
        until(&self.log, wanted).await
    }

    /// Ends it with SIGTERM and waits until it is gone. What it wrote stays.
    pub async fn stop(&mut self) {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(SOON, self.child.wait()).await.expect("an end in time").unwrap();
        assert!(ended.success(), "{ended}: {}", self.log.text());
    }
}

async fn launch(
    rack: &str,
    variables: &[(&str, &str)],
    database: &Path,
    lines: &Lines,
    log: &Lines,
) -> (Child, SocketAddr, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rack-gateway"))
        .arg("serve")
        .env_clear()
        .envs([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0"), ("RACK", "demo")])
        .env("RACK_HOST", rack)
        .env("RACK_TOKEN", "rack-password")
        .env("SQLITE_PATH", database)
        .env("DRAIN_TIMEOUT", "5s")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    tokio::spawn(copy(child.stdout.take().unwrap(), lines.clone()));
    tokio::spawn(copy(child.stderr.take().unwrap(), log.clone()));
    let started = until(log, "Server listening").await;
    let (address, ops_address) = (field(&started, " address="), field(&started, " ops_address="));
    (child, address, ops_address)
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: Lines) {
    let mut room = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut room).await {
        to.write_all(&room[..count]).unwrap();
    }
}

async fn until(log: &Lines, wanted: &str) -> String {
    let started = Instant::now();
    loop {
        let text = log.text();
        if let Some(line) = text.lines().find(|line| line.contains(wanted)) {
            return line.to_owned();
        }
        assert!(started.elapsed() < SOON, "no {wanted:?} in {text}");
        sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn field(line: &str, name: &str) -> SocketAddr {
    let rest = &line[line.find(name).unwrap() + name.len()..];
    rest.split(' ').next().unwrap().trim_matches('"').parse().unwrap()
}
