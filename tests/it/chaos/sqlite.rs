//! The embedded database, while somebody else keeps it, on a full disk, and when its file is moved away.

use super::{
    child::{Child, PRLIMIT},
    ledger::Ledger,
    site::{Site, sqlite_in},
};
use rack_gateway::store::Db;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// An intent waits one second for the disk; the rest is for a slow machine.
const ABOUT_A_SECOND: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_stops_changes_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let gateway = site.start().await;
    let before = site.restart_app(&gateway).await;
    assert_eq!(before.status, 200);

    let Db::Sqlite { write: other, .. } = site.db().await else { panic!("an embedded database") };
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let since = Instant::now();
    let mut soonest = Duration::MAX;
    let mut refused = Vec::new();
    while since.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let answer = site.restart_app(&gateway).await;
        soonest = soonest.min(asked.elapsed());
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"));
        refused.push(answer.request_id);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(soonest < ABOUT_A_SECOND, "{soonest:?}");
    assert_eq!(site.readiness(&gateway).await, 503);
    assert_eq!(site.metric(&gateway, "audit_available").await, 0.0);
    assert_eq!(site.status(&gateway, "/api/v1/health/live").await, 200);
    held.rollback().await.unwrap();
    other.close().await;

    let after = site.until_changes_are_made(&gateway).await;
    assert_eq!(site.readiness(&gateway).await, 200);
    assert_eq!(site.metric(&gateway, "audit_available").await, 1.0);
    assert!(gateway.stop().await.success());

    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &[before.request_id, after.request_id]);
    let seen = site.changes_seen();
    assert!(refused.iter().all(|request| !seen.contains_key(request)), "refused, and forwarded");
    for request in [before.request_id, after.request_id] {
        assert_eq!(ledger.outcome(request)["http_status"], 200);
    }
    // The first one had begun before anybody knew: it has a record, which says what became of it.
    assert_eq!(ledger.outcome(refused[0])["http_status"], 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_changes_until_there_is_room() {
    if !Path::new(PRLIMIT).exists() {
        return eprintln!("skipped: a full disk (no {PRLIMIT})");
    }
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let gateway = Child::start_on_a_full_disk(&site.variables(&[]), 512 * 1024).await.unwrap();
    let mut made = Vec::new();
    let refused = loop {
        let answer = site.restart_app(&gateway).await;
        if answer.status != 200 {
            break answer;
        }
        made.push(answer.request_id);
    };
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "audit_unavailable"));
    assert_eq!(site.readiness(&gateway).await, 503);
    for _ in 0..5 {
        assert_eq!(site.restart_app(&gateway).await.status, 503);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gateway.unbound();
    made.push(site.until_changes_are_made(&gateway).await.request_id);
    assert_eq!(site.readiness(&gateway).await, 200);
    assert!(gateway.stop().await.success());

    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &made);
    assert!(made.iter().all(|request| ledger.outcome(*request)["http_status"] == 200));
    assert!(!site.changes_seen().contains_key(&refused.request_id), "refused, and forwarded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_recorded_in_a_file_that_nobody_will_find() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let gateway = site.start().await;
    let mut made = vec![site.restart_app(&gateway).await.request_id];
    let (path, aside) = (directory.path().join("gateway.db"), directory.path().join("aside.db"));
    std::fs::rename(&path, &aside).unwrap();
    let refused = site.restart_app(&gateway).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "audit_unavailable"));
    assert_eq!(site.readiness(&gateway).await, 503);
    std::fs::rename(&aside, &path).unwrap();
    made.push(site.until_changes_are_made(&gateway).await.request_id);
    assert!(gateway.stop().await.success());
    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &made);
    assert!(made.iter().all(|request| ledger.outcome(*request)["http_status"] == 200));
    assert!(!site.changes_seen().contains_key(&refused.request_id), "refused, and forwarded");
}
