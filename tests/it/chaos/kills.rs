//! `kill -9` of the gateway in the middle of changes, again and again.

use super::{
    child::Child,
    ledger::Ledger,
    site::{Answer, Site, each_engine},
};
use rack_gateway::{
    config::{Env as _, ProcessEnv},
    core::RequestId,
};
use rand::RngExt as _;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const CLIENTS: usize = 8;
const KILLS: usize = 12;

/// Changes that somebody asks for, each with a mark of its own.
#[derive(Default)]
struct Load {
    next: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Asks for changes until told to stop or the gateway is gone. Returns what was acknowledged.
    async fn press(&self, site: &Site, gateway: &Child) -> Vec<RequestId> {
        let mut acknowledged = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let mark = self.next.fetch_add(1, Ordering::Relaxed);
            let Ok(Answer { status, request_id, .. }) = ask(site, gateway, mark).await else { break };
            if status.is_success() {
                acknowledged.push(request_id);
            }
        }
        acknowledged
    }
}

async fn ask(site: &Site, gateway: &Child, mark: u64) -> Result<Answer, reqwest::Error> {
    let (method, path, form) = match mark % 4 {
        0 => ("POST", "/apps/web/restart", String::new()),
        1 => ("PUT", "/apps/web/services/web", format!("count={}", 1 + mark % 3)),
        2 => ("POST", "/apps/web/services/worker/restart", String::new()),
        _ => ("POST", "/apps/web/releases", format!("env=MARK%3D{mark}")),
    };
    site.call(gateway, method, path, &form).await
}

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
            let clients = clients(&site, &gateway, &load);
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(20..400))).await;
            super::child::signal("KILL", &[gateway.id()]);
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
    let clients = clients(site, &gateway, &load);
    tokio::time::sleep(Duration::from_millis(200)).await;
    load.stop.store(true, Ordering::Relaxed);
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

fn clients(
    site: &Arc<Site>,
    gateway: &Arc<Child>,
    load: &Arc<Load>,
) -> Vec<tokio::task::JoinHandle<Vec<RequestId>>> {
    let client = |_| {
        let (site, gateway, load) = (site.clone(), gateway.clone(), load.clone());
        tokio::spawn(async move { load.press(&site, &gateway).await })
    };
    (0..CLIENTS).map(client).collect()
}
