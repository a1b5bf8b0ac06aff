//! SIGTERM: what runs is finished or cut, and all of it is recorded.

use super::{
    child::{Child, PATIENCE},
    ledger::Ledger,
    site::{Site, sqlite_in},
};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpStream;

/// A gateway with a promotion that runs, and its release.
async fn busy(site: &Arc<Site>, gateway: &Arc<Child>) -> tokio::task::JoinHandle<Option<u16>> {
    let release = site.release(gateway).await;
    let (asking, through) = (site.clone(), gateway.clone());
    let promotion = tokio::spawn(async move {
        let path = format!("/apps/web/releases/{release}/promote");
        asking.call(&through, "POST", &path, "").await.ok().map(|answer| answer.status.as_u16())
    });
    for _ in 0..PATIENCE.as_millis() / 10 {
        if site.rack.requests().iter().any(|request| request.target.contains("promote")) {
            return promotion;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the promotion did not reach the rack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let site = Arc::new(Site::with_step(sqlite_in(directory.path()), Duration::from_secs(2)).await);
    let gateway = Arc::new(site.start().await);
    let promotion = busy(&site, &gateway).await;

    gateway.terminate();
    until_refusing(&gateway).await;
    assert_eq!(site.readiness(&gateway).await, 503);
    assert!(!promotion.is_finished(), "the promotion still runs");
    gateway.terminate();
    assert_eq!(promotion.await.unwrap(), Some(200));

    let mut gateway = Arc::into_inner(gateway).unwrap();
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log.get());
    let ledger = Ledger::read(&site).await;
    let lines: Vec<serde_json::Value> =
        gateway.lines.get().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = ledger.records.iter().filter(|record| record["event"] == "outcome").collect();
    assert_eq!(lines.iter().collect::<Vec<_>>(), outcomes, "the same records in the table and on stdout");
    let promoted = lines.iter().find(|line| line["action"] == "release.promote").unwrap();
    assert_eq!((&promoted["http_status"], &promoted["status"]), (&200.into(), &"success".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_is_cut_at_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let site = Arc::new(Site::with_step(sqlite_in(directory.path()), Duration::from_secs(600)).await);
    let gateway = Arc::new(site.start_with(&[("DRAIN_TIMEOUT", "500ms")]).await);
    let promotion = busy(&site, &gateway).await;
    gateway.terminate();
    assert_eq!(promotion.await.unwrap(), None, "the connection is cut");

    let mut gateway = Arc::into_inner(gateway).unwrap();
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log.get());
    let ledger = Ledger::read(&site).await;
    let promoted: Vec<_> =
        ledger.records.iter().filter(|record| record["action"] == "release.promote").collect();
    assert_eq!(promoted.len(), 2, "{promoted:?}");
    assert_eq!((&promoted[0]["event"], &promoted[1]["event"]), (&"intent".into(), &"outcome".into()));
    assert_ne!(promoted[1]["status"], "success");
    assert_eq!(promoted[1]["reason"], "the connection ended before the answer");
    assert!(gateway.lines.get().contains("release.promote"));
}

/// New connections are refused, or accepted by nobody.
async fn until_refusing(gateway: &Child) {
    for _ in 0..PATIENCE.as_millis() / 10 {
        if TcpStream::connect(gateway.address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the gateway still accepts connections");
}
