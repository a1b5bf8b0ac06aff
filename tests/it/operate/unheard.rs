//! A gateway whose standard error takes nothing, because the disk behind it is full.

use crate::support::{port::free_port, wire::SOON};
use std::{
    fs::OpenOptions,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_rack-gateway");

/// Its first start prints a link, which nobody will read.
#[test]
fn it_starts_serves_and_stops_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let ops = format!("127.0.0.1:{}", free_port());
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let command = |name: &str| {
        let mut command = Command::new(BINARY);
        command.arg(name).env_clear().env("OPS_LISTEN", &ops).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(full());
        command
    };
    let health = || command("health").status().unwrap().code();
    assert_eq!(health(), Some(1), "nobody answers yet");

    let mut serve = command("serve");
    serve.envs([("LISTEN", "127.0.0.1:0"), ("DOMAIN", "localhost")]);
    serve.envs([("RACK_HOST", "https://rack.example.com"), ("RACK_TOKEN", "hunter2")]);
    serve.env("SQLITE_PATH", directory.path().join("gateway.db"));
    let mut gateway = serve.spawn().unwrap();
    let started = Instant::now();
    while health() != Some(0) {
        let ended = gateway.try_wait().unwrap();
        if ended.is_some() || started.elapsed() > SOON {
            gateway.kill().unwrap();
            panic!("it does not serve: {ended:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let stopped = Command::new("kill").arg(gateway.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(gateway.wait().unwrap().code(), Some(0));
}
