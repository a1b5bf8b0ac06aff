//! PostgreSQL that is slow, away, read-only, or has moved.

use super::{
    child::{Child, PATIENCE},
    cluster::Cluster,
    ledger::Ledger,
    site::{Answer, Site},
    wire::Wire,
};
use rack_gateway::{core::Secret, store::Place};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// An intent waits one second for the disk; the rest is for a slow machine.
const ABOUT_A_SECOND: Duration = Duration::from_secs(10);

async fn site_on(cluster: &Cluster) -> Arc<Site> {
    let place = Place::Postgres(Secret::new(cluster.url("gateway")));
    Arc::new(Site::with_step(place, Duration::from_secs(1)).await)
}

/// A change that waits for the rack while the database goes away: its outcome must be kept in the meantime.
fn promotion(site: &Arc<Site>, gateway: &Arc<Child>, release: String) -> tokio::task::JoinHandle<Answer> {
    let (site, gateway) = (site.clone(), gateway.clone());
    tokio::spawn(async move {
        let path = format!("/apps/web/releases/{release}/promote");
        site.call(&gateway, "POST", &path, "").await.unwrap()
    })
}

async fn until_promoting(site: &Site) {
    let asked = site.changes_seen().len();
    for _ in 0..PATIENCE.as_millis() / 5 {
        if site.changes_seen().len() > asked {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the promotion did not reach the rack");
}

async fn is_refused(site: &Site, gateway: &Child) -> Answer {
    let asked = Instant::now();
    let answer = site.restart_app(gateway).await;
    assert!(asked.elapsed() < ABOUT_A_SECOND, "{:?}", asked.elapsed());
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"));
    answer
}

/// Nothing is served, and everybody who asks is told so.
async fn is_closed(site: &Site, gateway: &Child) {
    assert_eq!(site.readiness(gateway).await, 503);
    assert_eq!(site.status(gateway, "/api/v1/health").await, 503);
    assert_eq!(site.status(gateway, "/health").await, 503);
    assert_eq!(site.status(gateway, "/api/v1/health/live").await, 200);
    assert_eq!(site.metric(gateway, "audit_available").await, 0.0);
    assert_eq!(site.metric(gateway, "gateway_ready").await, 0.0);
    assert_eq!(site.list_apps(gateway).await.status, 503);
}

async fn until_rights_are_stale(site: &Site, gateway: &Child) {
    for _ in 0..PATIENCE.as_millis() / 100 {
        if site.metric(gateway, "access_snapshot_age_seconds").await > 5.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the rights stay young without a database");
}

async fn is_open_again(site: &Site, gateway: &Child) -> Answer {
    let changed = site.until_changes_are_made(gateway).await;
    assert_eq!(site.readiness(gateway).await, 200);
    assert_eq!(site.status(gateway, "/api/v1/health").await, 200);
    assert_eq!(site.metric(gateway, "audit_available").await, 1.0);
    assert_eq!(site.list_apps(gateway).await.status, 200);
    changed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_then_away() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let site = site_on(&cluster).await;
    let gateway = Arc::new(site.start().await);
    let mut refused = Vec::new();
    let mut made = Vec::new();

    // Frozen: connections stay, nobody answers.
    let running = promotion(&site, &gateway, site.release(&gateway).await);
    until_promoting(&site).await;
    cluster.freeze();
    refused.push(is_refused(&site, &gateway).await);
    let promoted = running.await.unwrap();
    assert_eq!(promoted.status, 200, "what was written down is carried out");
    made.push(promoted);
    until_rights_are_stale(&site, &gateway).await;
    is_closed(&site, &gateway).await;
    refused.push(is_refused(&site, &gateway).await);
    cluster.thaw();
    made.push(is_open_again(&site, &gateway).await);

    // Killed: connections break, new ones are refused.
    let running = promotion(&site, &gateway, site.release(&gateway).await);
    until_promoting(&site).await;
    cluster.kill();
    refused.push(is_refused(&site, &gateway).await);
    made.push(running.await.unwrap());
    until_rights_are_stale(&site, &gateway).await;
    is_closed(&site, &gateway).await;
    cluster.restart().await;
    made.push(is_open_again(&site, &gateway).await);

    let gateway = Arc::into_inner(gateway).unwrap();
    assert!(gateway.stop().await.success());
    assert_books(&site, &made, &refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_and_back() {
    let Some(cluster) = Cluster::start().await else { return };
    let site = site_on(&cluster).await;
    let gateway = site.start().await;
    let mut made = vec![site.restart_app(&gateway).await];

    // Sessions take the setting when they begin, as after a failover whose old primary lives on as a replica.
    cluster.sql("postgres", "ALTER DATABASE gateway SET default_transaction_read_only = on").await;
    let end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'gateway'";
    cluster.sql("postgres", end_sessions).await;
    let refused = is_refused(&site, &gateway).await;
    is_closed(&site, &gateway).await;
    // The sessions of now stay as they are: the gateway itself must think of opening new ones.
    cluster.sql("postgres", "ALTER DATABASE gateway SET default_transaction_read_only = off").await;
    for _ in 0..10 {
        made.push(is_open_again(&site, &gateway).await);
    }
    assert!(gateway.stop().await.success());
    assert_books(&site, &made, &[refused]).await;
}

/// A failover behind an address: the old server's connections swallow all that is sent, without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_lead_nowhere() {
    let Some(cluster) = Cluster::start().await else { return };
    let site = site_on(&cluster).await;
    let wire = Wire::to(cluster.port()).await;
    let through = cluster.url("gateway").replace(&cluster.port().to_string(), &wire.port().to_string());
    let gateway = Arc::new(site.start_with(&[("DATABASE_URL", &through)]).await);
    let mut made = vec![site.restart_app(&gateway).await];

    let running = promotion(&site, &gateway, site.release(&gateway).await);
    until_promoting(&site).await;
    wire.cut_off();
    let refused = is_refused(&site, &gateway).await;
    made.push(running.await.unwrap());
    until_rights_are_stale(&site, &gateway).await;
    is_closed(&site, &gateway).await;
    wire.lead_somewhere_again();
    made.push(is_open_again(&site, &gateway).await);

    let gateway = Arc::into_inner(gateway).unwrap();
    assert!(gateway.stop().await.success());
    assert_books(&site, &made, &[refused]).await;
}

/// The end comes all the same, and does not look like a good one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_go_while_the_database_is_frozen() {
    let Some(cluster) = Cluster::start().await else { return };
    let site = site_on(&cluster).await;
    let gateway = Arc::new(site.start().await);
    let running = promotion(&site, &gateway, site.release(&gateway).await);
    until_promoting(&site).await;
    cluster.freeze();
    let promoted = running.await.unwrap();
    assert_eq!(promoted.status, 200);
    let mut gateway = Arc::into_inner(gateway).unwrap();
    gateway.terminate();
    assert_eq!(gateway.ended().await.code(), Some(1), "{}", gateway.log.get());
    assert!(gateway.log.count("not every audit record could be written") > 0, "{}", gateway.log.get());
    let on_stdout = promoted.request_id.to_string();
    assert!(gateway.lines.get().contains(&on_stdout), "the line on stdout needs no database");

    cluster.thaw();
    let heir = site.start().await;
    let changed = is_open_again(&site, &heir).await;
    assert!(heir.stop().await.success());
    let ledger = Ledger::read(&site).await;
    ledger.assert_covers(&site, &[promoted.request_id, changed.request_id]);
}

async fn assert_books(site: &Site, made: &[Answer], refused: &[Answer]) {
    let ledger = Ledger::read(site).await;
    let ids: Vec<_> = made.iter().map(|answer| answer.request_id).collect();
    ledger.assert_covers(site, &ids);
    for id in ids {
        assert_eq!(ledger.outcome(id)["http_status"], 200);
    }
    let seen = site.changes_seen();
    for answer in refused {
        assert!(!seen.contains_key(&answer.request_id), "refused, and forwarded: {answer:?}");
    }
}
