//! `kill -9` of the gateway in the middle of changes, again and again.

use super::{
    child::signal,
    ledger::Ledger,
    load::Load,
    site::{Site, each_engine},
};
use rack_gateway::config::{Env as _, ProcessEnv};
use rand::RngExt as _;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

const CLIENTS: usize = 8;
const KILLS: usize = 12;

/// `CHAOS_KILLS` asks for more of them.
fn kills() -> usize {
    ProcessEnv.get("CHAOS_KILLS").map_or(KILLS, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_the_record_of_a_change() {
    each_engine(async |place| {
        let site = Arc::new(Site::on(place).await);
        let mut acknowledged = Vec::new();
        let mut seen = HashMap::new();
        let mut slowest = Duration::ZERO;
        for _ in 0..kills() {
            let begun = Instant::now();
            let gateway = Arc::new(site.start().await);
            slowest = slowest.max(begun.elapsed());
            let load = Arc::new(Load::default());
            let clients = load.clients(CLIENTS, &site, &gateway);
            load.until(rand::rng().random_range(3..60)).await;
            tokio::time::sleep(Duration::from_micros(rand::rng().random_range(0..20_000))).await;
            signal("KILL", &[gateway.id()]);
            for client in clients {
                acknowledged.extend(client.await.unwrap());
            }
            // The rack keeps the last ten thousand only.
            seen.extend(site.changes_seen());
        }
        eprintln!(
            "{} kills: {} changes acknowledged, {} seen by the rack; slowest start {slowest:?}",
            kills(),
            acknowledged.len(),
            seen.len()
        );
        let ledger = Ledger::read(&site).await;
        ledger.assert_covers(&site, &acknowledged);
        let lost: Vec<_> = seen.keys().filter(|request| !ledger.has(**request, "intent")).collect();
        assert!(lost.is_empty(), "seen by the rack, and not recorded: {lost:?}");
        assert!(acknowledged.len() > 2 * kills(), "there was load");

        a_calm_run_records_every_outcome(&site).await;
    })
    .await;
}

/// On the same database, after all the violence.
async fn a_calm_run_records_every_outcome(site: &Arc<Site>) {
    let gateway = Arc::new(site.start().await);
    let load = Arc::new(Load::default());
    let clients = load.clients(CLIENTS, site, &gateway);
    load.until(20).await;
    load.stop();
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let gateway = Arc::into_inner(gateway).unwrap();
    assert!(gateway.stop().await.success());
    let ledger = Ledger::read(site).await;
    ledger.assert_covers(site, &acknowledged);
    assert!(acknowledged.iter().all(|request| ledger.has(*request, "outcome")));
    assert!(!acknowledged.is_empty());
}
