//! A wall clock that jumps an hour back and forth.

use super::site::{deployer, sqlite_in};
use crate::support::gateway::Lines;
use rack_gateway::{
    audit::LineSink,
    boot::{Gateway, Parts},
    config::{Config, MapEnv},
    core::{Clock, SystemClock, Timestamp},
    demo::rack::{DemoRack, DemoRackOptions},
    net::Lanes,
    observe::metrics::Metrics,
    store::{AuditFilter, Db, Options},
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

const HOUR: i64 = 3_600_000_000;

/// The system's clock, with somebody at its hands.
#[derive(Debug, Default)]
struct Jumping {
    ahead_micros: AtomicI64,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_micros.load(Ordering::SeqCst);
        Timestamp::from_micros(SystemClock.now().as_micros() + ahead)
    }
}

#[tokio::test]
async fn a_clock_that_jumps_stops_nobody_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::new(sqlite_in(directory.path()))).await.unwrap();
    db.migrate().await.unwrap();
    let deployer = deployer(&db).await;
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let env = MapEnv::from([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0"), ("RACK", "demo")])
        .with("RACK_HOST", rack.url())
        .with("RACK_TOKEN", "rack-password")
        .with("RATE_LIMIT_PER_MINUTE", "3");
    let clock = Arc::new(Jumping::default());
    let lines = Lines::default();
    let parts = Parts {
        db: db.clone(),
        database_file: None,
        lines: LineSink::start(lines.clone()),
        clock: clock.clone(),
        metrics: Metrics::install().unwrap(),
        lanes: Lanes::default(),
    };
    let gateway = Box::pin(Gateway::start(&Config::load(&env, None).unwrap(), parts)).await.unwrap();

    let url = format!("http://{}/api/v1/rack-proxy/apps/web/restart", gateway.address());
    let client = reqwest::Client::new();
    let hours_ahead = [0, 1, 0, -1, 0];
    for ahead in hours_ahead {
        clock.ahead_micros.store(ahead * HOUR, Ordering::SeqCst);
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = client.post(&url).bearer_auth(&deployer.token).send().await.unwrap();
            answers.push(answer.status().as_u16());
        }
        // Each jump begins a new minute: nobody waits an hour for the old one to end.
        assert_eq!(answers, [200, 200, 200, 429], "{ahead} h ahead");
    }
    assert!(gateway.stop().await.recorded);

    // Opened again: the gateway closes what it was given.
    let db = Db::open(&Options::new(sqlite_in(directory.path()))).await.unwrap();
    let mut rows = db.audit_rows(&AuditFilter { limit: 99, ..AuditFilter::default() }).await.unwrap();
    rows.reverse();
    assert!(rows.iter().zip(1..).all(|(row, seq)| row.seq == seq), "the numbers have no gap");
    assert_eq!(rows.len(), 2 * 3 * hours_ahead.len(), "an intent and an outcome for each change");
    assert!(lines.records().iter().all(|line| line["latency_ms"].as_u64().unwrap() < HOUR as u64 / 1_000));
}
