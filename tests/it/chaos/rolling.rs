//! Replicas are replaced one after another while everybody works.
//!
//! `ROLLING_RESTARTS` says how many; the default is few.

use super::{
    balancer::{Balancer, Replica},
    child::{Child, PATIENCE},
    ledger::Ledger,
    pushing,
    site::{Answer, Site, on_postgres},
};
use futures_util::StreamExt as _;
use rack_gateway::{
    config::{Env as _, ProcessEnv},
    core::RequestId,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const REQUESTS_A_SECOND: u64 = 200;
const STREAMS: usize = 50;
const MARKER: &str = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:";
/// A machine that others use as well may take longer to write a record than a caller should wait.
const BUSY: (&str, &str) = ("AUDIT_INTENT_TIMEOUT", "20s");
const GOING: &str = "the gateway is going down; connect again in a moment";

fn restarts() -> usize {
    ProcessEnv.get("ROLLING_RESTARTS").map_or(3, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_load_balancer_nobody_notices() {
    on_postgres(async |place| {
        let site = Arc::new(Site::on(place).await);
        let images = tempfile::tempdir().unwrap();
        let [storage, directory] = kept(&images);
        let variables = [("DRAIN_DELAY", "1s"), BUSY, storage, directory];
        let mut replicas = vec![site.start_with(&variables).await, site.start_with(&variables).await];
        let balancer = Balancer::over(replicas.iter().map(seen).collect()).await;
        let load = Arc::new(Load::default());
        let work = load.begin(&site, balancer.address);
        for turn in 0..restarts() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let index = turn % 2;
            let fresh = site.start_with(&variables).await;
            let going = std::mem::replace(&mut replicas[index], fresh);
            going.terminate();
            // The balancer learns of the new one at once, and of the old one's end by asking it.
            balancer.replace(index, seen(&replicas[index]));
            ended_well(going).await;
        }
        load.finish(work, restarts(), 0, &site).await;
        for replica in replicas {
            assert!(replica.stop().await.success());
        }
        load.assert_recorded(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_host_the_next_process_takes_the_port_over() {
    on_postgres(async |place| {
        let site = Arc::new(Site::on(place).await);
        let listen = free().to_string();
        let images = tempfile::tempdir().unwrap();
        let [storage, directory] = kept(&images);
        let variables = [
            ("LISTEN", listen.as_str()),
            ("LISTEN_REUSE_PORT", "true"),
            ("DRAIN_DELAY", "1s"),
            BUSY,
            storage,
            directory,
        ];
        let mut running = site.start_with(&variables).await;
        assert_eq!(running.address.to_string(), listen);
        let load = Arc::new(Load::default());
        let work = load.begin(&site, running.address);
        for _ in 0..restarts() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let fresh = site.start_with(&variables).await;
            let going = std::mem::replace(&mut running, fresh);
            going.terminate();
            ended_well(going).await;
        }
        // What the kernel completes in the instant between the last look and the close of the socket it resets, unless
        // net.ipv4.tcp_migrate_req is set.
        load.finish(work, restarts(), restarts(), &site).await;
        assert!(running.stop().await.success());
        load.assert_recorded(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_is_not_shared_unless_both_ask_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(super::site::sqlite_in(directory.path())).await;
    let listen = free().to_string();
    let running = site.start_with(&[("LISTEN", &listen), ("LISTEN_REUSE_PORT", "true")]).await;
    let other = directory.path().join("other.db").display().to_string();
    let refused = site.try_start(&[("LISTEN", &listen), ("SQLITE_PATH", &other)]).await.err().unwrap();
    assert!(refused.log.contains("cannot listen on"), "{}", refused.log);
    assert!(running.stop().await.success());
}

fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Replicas share the storage of images.
fn kept(images: &TempDir) -> [(&'static str, &str); 2] {
    [("REGISTRY_STORAGE", "dir"), ("REGISTRY_DIR", images.path().to_str().unwrap())]
}

fn seen(replica: &Child) -> Replica {
    Replica::new(replica.address, replica.ops_address)
}

async fn ended_well(mut going: Child) {
    assert!(going.ended().await.success(), "{}", going.log.get());
    assert_eq!(going.log.count("not every audit record"), 0);
}

/// Requests at an even pace and streams that are opened again when they end.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    failed: Mutex<Vec<String>>,
    /// What was acknowledged: changes first, then reads.
    changed: Mutex<Vec<RequestId>>,
    read: Mutex<Vec<RequestId>>,
    pushed: Mutex<Vec<RequestId>>,
    images: AtomicUsize,
    open: AtomicUsize,
    ended: AtomicUsize,
}

struct Work {
    requests: JoinHandle<()>,
    pushes: JoinHandle<()>,
    streams: Vec<JoinHandle<()>>,
}

impl Load {
    fn begin(self: &Arc<Self>, site: &Arc<Site>, address: SocketAddr) -> Work {
        let (load, asking) = (self.clone(), site.clone());
        let requests = tokio::spawn(async move { load.ask(asking, address).await });
        let (load, pushing) = (self.clone(), site.clone());
        let pushes = tokio::spawn(async move { load.push(pushing, address).await });
        let stream = |_| {
            let (load, site) = (self.clone(), site.clone());
            tokio::spawn(async move { load.listen(site, address).await })
        };
        Work { requests, pushes, streams: (0..STREAMS).map(stream).collect() }
    }

    async fn ask(self: Arc<Self>, site: Arc<Site>, address: SocketAddr) {
        let mut ticks = interval(Duration::from_micros(1_000_000 / REQUESTS_A_SECOND));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = tokio::task::JoinSet::new();
        let mut count = 0_u32;
        while !self.stop.load(Relaxed) {
            ticks.tick().await;
            count += 1;
            let (load, site, is_change) = (self.clone(), site.clone(), count.is_multiple_of(4));
            under_way.spawn(async move {
                let (method, path) = if is_change { ("POST", "/apps/api/restart") } else { ("GET", "/apps") };
                match site.call_at(address, method, path, "").await {
                    Ok(Answer { status, request_id, .. }) if status.is_success() => {
                        let list = if is_change { &load.changed } else { &load.read };
                        list.lock().unwrap().push(request_id);
                    }
                    Ok(answer) => {
                        load.failed.lock().unwrap().push(format!("{} {}", answer.status, answer.body))
                    }
                    Err(error) => load.failed.lock().unwrap().push(format!("{error:?}")),
                }
            });
            while under_way.try_join_next().is_some() {}
        }
        under_way.join_all().await;
    }

    async fn push(self: Arc<Self>, site: Arc<Site>, address: SocketAddr) {
        while !self.stop.load(Relaxed) {
            match pushing::push(&site, address, self.images.load(Relaxed)).await {
                Ok(acknowledged) => self.pushed.lock().unwrap().extend(acknowledged),
                Err(failure) => self.failed.lock().unwrap().push(failure),
            }
            self.images.fetch_add(1, Relaxed);
        }
    }

    /// A shell that is opened again whenever its gateway goes, which it must have said.
    async fn listen(self: Arc<Self>, site: Arc<Site>, address: SocketAddr) {
        while !self.stop.load(Relaxed) {
            let Some(mut shell) = open(&site, address).await else {
                self.failed.lock().unwrap().push("no handshake".to_owned());
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            self.open.fetch_add(1, Relaxed);
            let said = to_the_end(&mut shell, &self.stop).await;
            self.open.fetch_sub(1, Relaxed);
            let Some(said) = said else { return };
            self.ended.fetch_add(1, Relaxed);
            let code =
                said.rsplit_once(MARKER).and_then(|(_, code)| code.lines().next()?.parse::<i32>().ok());
            if !said.contains(GOING) || code != Some(1) {
                self.failed.lock().unwrap().push(format!("a stream ended so: {said:?}"));
            }
        }
    }

    async fn finish(&self, work: Work, restarts: usize, resets: usize, site: &Site) {
        for _ in 0..PATIENCE.as_millis() / 50 {
            if self.open.load(Relaxed) == STREAMS {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.open.load(Relaxed), STREAMS, "all streams are open again");
        self.stop.store(true, Relaxed);
        work.requests.await.unwrap();
        work.pushes.await.unwrap();
        for stream in work.streams {
            stream.await.unwrap();
        }
        let (reset, failed): (Vec<_>, Vec<_>) =
            self.failed.lock().unwrap().drain(..).partition(|failure| failure.contains("ConnectionReset"));
        assert!(reset.len() <= resets, "{} connections were reset, as in {:?}", reset.len(), reset.first());
        let (changed, read) = (self.changed.lock().unwrap().len(), self.read.lock().unwrap().len());
        eprintln!(
            "{restarts} restarts: {changed} changes, {read} reads, {} images pushed, {} streams ended, \
             {} failures, {} resets",
            self.images.load(Relaxed),
            self.ended.load(Relaxed),
            failed.len(),
            reset.len()
        );
        assert!(
            failed.is_empty(),
            "{} failures, as in {:?}",
            failed.len(),
            failed.iter().take(5).collect::<Vec<_>>()
        );
        assert!(self.ended.load(Relaxed) >= STREAMS / 2, "the restarts were noticed by streams");
        let told = self.changed.lock().unwrap();
        // The rack remembers the last ones only.
        let untold = site.changes_seen().into_keys().find(|change| !told.contains(change));
        assert!(untold.is_none(), "made, and not acknowledged: {untold:?}");
    }

    async fn assert_recorded(&self, site: &Site) {
        let ledger = Ledger::read(site).await;
        let (changed, read) = (self.changed.lock().unwrap(), self.read.lock().unwrap());
        let pushed = self.pushed.lock().unwrap();
        ledger.assert_covers(site, &changed);
        for request in changed.iter().chain(read.iter()).chain(pushed.iter()) {
            assert!(ledger.has(*request, "outcome"), "no outcome of {request}");
        }
    }
}

async fn open(site: &Site, address: SocketAddr) -> Option<WebSocketStream<TcpStream>> {
    let url = format!("ws://{address}/api/v1/rack-proxy/apps/web/processes/web/exec");
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", site.deployer.token).parse().unwrap());
    headers.insert("command", "sleep 3600".parse().unwrap());
    let stream = TcpStream::connect(address).await.ok()?;
    timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await.ok()?.ok().map(|(open, _)| open)
}

/// What was said until the end, or `None` when it is us who end.
async fn to_the_end(shell: &mut WebSocketStream<TcpStream>, stop: &AtomicBool) -> Option<String> {
    let mut said = String::new();
    loop {
        let message = match timeout(Duration::from_millis(200), shell.next()).await {
            Err(_) if stop.load(Relaxed) => return None,
            Err(_) => continue,
            Ok(None) => return Some(said),
            Ok(Some(message)) => message,
        };
        match message {
            Ok(Message::Text(text)) => said.push_str(&text),
            Ok(Message::Binary(bytes)) if bytes.is_empty() => return Some(said),
            Ok(Message::Binary(bytes)) => said.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(Message::Close(_)) | Err(_) => return Some(said),
            Ok(_) => {}
        }
    }
}
