//! A new configuration while the real binary serves.

use crate::support::{
    fake_rack::FakeRack,
    process::Process,
    socket::{MARKER, exec},
    wire::{SOON, Wire},
};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use std::{fs, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// A configuration file with a second rack, and more lines.
struct File {
    directory: TempDir,
}

impl File {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("gateway.toml")
    }

    fn write(&self, spare: Option<&str>, rest: &str) {
        let spare = spare.map_or_else(String::new, |url| {
            format!("[racks.spare]\nurl = '{url}'\npassword = 'rack-password'\n")
        });
        fs::write(self.path(), format!("{spare}{rest}")).unwrap();
    }
}

async fn rack() -> DemoRack {
    DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap()
}

/// The status of the other rack's apps, and whose limit it was.
async fn apps_of(gateway: &Process, token: &str, rack: &str) -> u16 {
    let url = format!("http://{}/api/v1/racks/{rack}/proxy/apps", gateway.address);
    reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < SOON, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racks_come_and_go_at_sighup_and_no_stream_ends() {
    let (file, first, second, third) = (File::new(), rack().await, rack().await, rack().await);
    file.write(Some(&second.url()), "");
    let path = file.path().display().to_string();
    let variables = [("RACK_GATEWAY_CONFIG", path.as_str()), ("RELOAD_INTERVAL", "0")];
    let mut gateway = Process::start(&first.url(), &variables).await;
    let person = gateway.person("ops").await;
    assert_eq!(apps_of(&gateway, &person.token, "spare").await, 200);

    let mut command = Wire::open(gateway.address).await;
    let handshake = exec(&person.token, "echo begun; sleep 3; exit 7");
    command.send(handshake.replacen("/api/v1/rack-proxy/", "/api/v1/racks/spare/proxy/", 1)).await;
    assert_eq!(command.head().await.status(), 101);

    file.write(None, &format!("[racks.newer]\nurl = '{}'\npassword = 'rack-password'\n", third.url()));
    sleep(Duration::from_millis(300)).await;
    assert_eq!(apps_of(&gateway, &person.token, "newer").await, 404, "nothing happens by itself");
    gateway.signal("HUP").await;
    gateway.logged("is in force").await;
    assert_eq!(apps_of(&gateway, &person.token, "newer").await, 200);
    assert_eq!(apps_of(&gateway, &person.token, "spare").await, 404);
    assert_eq!(apps_of(&gateway, &person.token, "demo").await, 200);
    assert_eq!(gateway.metric("config_reload_total{outcome=\"applied\"}").await, 1.0);

    let exit = format!("{MARKER}7\n");
    let read = async {
        while !command.buffered.windows(exit.len()).any(|window| window == exit.as_bytes()) {
            assert!(command.fill().await, "the stream was cut");
        }
    };
    timeout(SOON, read).await.unwrap();
    let record = gateway.lines.wait_for(|record| record["action"] == "config.reload").await;
    assert_eq!((&record["user_email"], &record["status"]), (&"gateway".into(), &"success".into()));
    let detail = record["detail"].as_str().unwrap();
    assert!(detail.contains("racks.newer.url") && detail.contains("racks.spare.password"), "{detail}");
    assert!(!gateway.log.text().contains("rack-password") && !gateway.lines.text().contains("rack-password"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_is_seen_and_a_bad_one_changes_nothing() {
    let (file, rack) = (File::new(), rack().await);
    file.write(None, "[limits]\nrate_limit_per_minute = 100000\n");
    let path = file.path().display().to_string();
    let variables = [("RACK_GATEWAY_CONFIG", path.as_str()), ("RELOAD_INTERVAL", "100ms")];
    let mut gateway = Process::start(&rack.url(), &variables).await;
    let person = gateway.person("ops").await;
    assert_eq!(gateway.metric("config_reload_successful").await, 1.0);

    file.write(None, "[limits]\nrate_limit_per_minute = 'a lot'\n[log]\nlevel = 'debug'\n");
    let said = gateway.logged("is not used").await;
    assert!(said.contains("limits.rate_limit_per_minute"), "{said}");
    assert_eq!(apps_of(&gateway, &person.token, "demo").await, 200);
    assert_eq!(gateway.metric("config_reload_successful").await, 0.0);
    assert_eq!(gateway.metric("config_reload_total{outcome=\"refused\"}").await, 1.0);
    let is_verbose = |gateway: &Process| gateway.log.text().contains("refused a request");
    malformed(&gateway).await;
    assert!(!is_verbose(&gateway), "not a part of it is used");

    file.write(None, "[limits]\nrate_limit_per_minute = 1\nmax_connections = 7\n[log]\nlevel = 'debug'\n");
    gateway.logged("MAX_CONNECTIONS").await;
    until("the new limit", async || apps_of(&gateway, &person.token, "demo").await == 429).await;
    assert_eq!(gateway.metric("config_reload_successful").await, 1.0);
    assert_eq!(gateway.metric("config_reload_restart_pending").await, 1.0);
    malformed(&gateway).await;
    until("debugging", async || is_verbose(&gateway)).await;

    file.write(None, "[limits]\nrate_limit_per_minute = 100000\n");
    until("the old limit", async || apps_of(&gateway, &person.token, "demo").await == 200).await;
    assert_eq!(gateway.metric("config_reload_restart_pending").await, 0.0, "taken back");
    gateway.stop().await;
}

/// A request that is told of at the level debug only.
async fn malformed(gateway: &Process) {
    let mut wire = Wire::open(gateway.address).await;
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    assert_eq!(wire.head().await.status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rack_whose_password_changes_keeps_what_runs() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    fs::write(&password, "first").unwrap();
    let rack = FakeRack::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").await;
    let path = password.display().to_string();
    let variables = [("RACK_TOKEN", ""), ("RACK_TOKEN_FILE", path.as_str()), ("RELOAD_INTERVAL", "100ms")];
    let mut gateway = Process::start(&rack.url(), &variables).await;
    let person = gateway.person("ops").await;
    assert_eq!(apps_of(&gateway, &person.token, "demo").await, 200);
    fs::write(&password, "second").unwrap();
    gateway.logged("is in force").await;
    assert_eq!(apps_of(&gateway, &person.token, "demo").await, 200);
    let shown: Vec<_> =
        rack.seen().iter().map(|(head, _)| head.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(shown.len(), 2);
    assert_ne!(shown[0], shown[1], "the new password");
    assert!(!gateway.log.text().contains("second"));
    gateway.stop().await;
}
