//! The embedded database, while somebody else keeps it.

use super::{
    ledger::Ledger,
    site::{Site, sqlite_in},
};
use rack_gateway::store::Db;
use std::time::{Duration, Instant};

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
    let mut refused = Vec::new();
    while since.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let answer = site.restart_app(&gateway).await;
        assert!(asked.elapsed() < ABOUT_A_SECOND, "{:?}", asked.elapsed());
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"));
        refused.push(answer.request_id);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
