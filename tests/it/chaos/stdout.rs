//! A log collector that stalls, and one that is gone.

use super::{
    child::{Child, Reader},
    ledger::Ledger,
    site::{Site, sqlite_in},
};
use rack_gateway::core::RequestId;
use std::{
    io::Read as _,
    sync::{Arc, Mutex},
    time::Duration,
};

/// More lines than a pipe holds: 64 KiB, at more than half a kilobyte each.
const ENOUGH: usize = 300;

async fn many_changes(site: &Site, gateway: &Child) -> Vec<RequestId> {
    let mut made = Vec::new();
    for _ in 0..ENOUGH {
        let answer = site.restart_app(gateway).await;
        assert_eq!(answer.status, 200);
        made.push(answer.request_id);
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_stalls_delays_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let end = Arc::new(Mutex::new(None));
    let mut gateway = Child::start(&site.variables(&[]), Reader::Held(end.clone())).await.unwrap();
    let made = many_changes(&site, &gateway).await;
    assert!(site.metric(&gateway, "audit_lines_total").await < ENOUGH as f64, "the pipe is full");

    // The collector comes back: no line is lost or torn.
    let mut pipe = end.lock().unwrap().take().unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    });
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let text = reading.await.unwrap();
    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &made);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = ledger.records.iter().filter(|record| record["event"] == "outcome").collect();
    assert_eq!(lines.len(), outcomes.len());
    assert!(made.iter().all(|request| ledger.has(*request, "outcome")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_is_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let end = Arc::new(Mutex::new(None));
    let mut gateway = Child::start(&site.variables(&[]), Reader::Held(end.clone())).await.unwrap();
    drop(end.lock().unwrap().take());
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(site.restart_app(&gateway).await.request_id);
        // Long enough to be written on its own.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_eq!(site.metric(&gateway, "audit_stdout_failures_total").await, 5.0, "each line is counted");
    assert_eq!(site.metric(&gateway, "audit_lines_total").await, 0.0);
    assert_eq!(gateway.log.count("cannot write audit lines to stdout"), 1, "{}", gateway.log.get());
    gateway.terminate();
    assert_eq!(gateway.ended().await.code(), Some(1), "lines were not taken");
    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &made);
    assert!(made.iter().all(|request| ledger.outcome(*request)["http_status"] == 200));
}
