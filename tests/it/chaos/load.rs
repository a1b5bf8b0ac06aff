//! Clients that change things without pause.

use super::{
    child::{Child, PATIENCE},
    site::{Answer, Site},
};
use rack_gateway::core::RequestId;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// Changes that somebody asks for, each with a mark of its own.
#[derive(Default)]
pub struct Load {
    next: AtomicU64,
    acknowledged: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// So many clients, which end when the load stops or the gateway is gone. Each returns what it was told to
    /// have changed.
    pub fn clients(
        self: &Arc<Self>,
        count: usize,
        site: &Arc<Site>,
        gateway: &Arc<Child>,
    ) -> Vec<JoinHandle<Vec<RequestId>>> {
        let client = |_| {
            let (load, site, gateway) = (self.clone(), site.clone(), gateway.clone());
            tokio::spawn(async move { load.press(&site, &gateway).await })
        };
        (0..count).map(client).collect()
    }

    /// Waits for so many changes to be acknowledged. Time alone says nothing on a busy machine.
    pub async fn until(&self, acknowledged: usize) {
        for _ in 0..PATIENCE.as_millis() / 5 {
            if self.acknowledged.load(Ordering::Relaxed) >= acknowledged {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("fewer than {acknowledged} changes were made");
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    async fn press(&self, site: &Site, gateway: &Child) -> Vec<RequestId> {
        let mut acknowledged = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let mark = self.next.fetch_add(1, Ordering::Relaxed);
            let Ok(Answer { status, request_id, .. }) = ask(site, gateway, mark).await else { break };
            if status.is_success() {
                acknowledged.push(request_id);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
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
