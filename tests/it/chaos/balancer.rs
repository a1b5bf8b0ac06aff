//! A small load balancer: connections go to replicas that say that they are ready, in turn.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How often replicas are asked.
const PROBE: Duration = Duration::from_millis(50);

pub struct Balancer {
    pub address: SocketAddr,
    replicas: Arc<Replicas>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Replicas {
    list: Mutex<Vec<Replica>>,
    turn: AtomicUsize,
}

#[derive(Clone, Copy)]
pub struct Replica {
    pub address: SocketAddr,
    pub ops_address: SocketAddr,
    is_ready: bool,
}

impl Replica {
    pub const fn new(address: SocketAddr, ops_address: SocketAddr) -> Self {
        Self { address, ops_address, is_ready: true }
    }
}

impl Balancer {
    pub async fn over(replicas: Vec<Replica>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let replicas = Arc::new(Replicas { list: Mutex::new(replicas), turn: AtomicUsize::default() });
        let (probed, served) = (replicas.clone(), replicas.clone());
        let tasks = [
            tokio::spawn(async move {
                loop {
                    probed.probe().await;
                    tokio::time::sleep(PROBE).await;
                }
            }),
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, served.clone()));
                }
            }),
        ];
        Self { address, replicas, tasks }
    }

    /// Another process takes the place of one that has gone.
    pub fn replace(&self, index: usize, by: Replica) {
        self.replicas.list.lock().unwrap()[index] = by;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Replicas {
    async fn probe(&self) {
        let known = self.list.lock().unwrap().clone();
        for replica in known {
            let is_ready = is_ready(replica.ops_address).await;
            let mut list = self.list.lock().unwrap();
            let same = list.iter_mut().find(|one| one.ops_address == replica.ops_address);
            same.into_iter().for_each(|one| one.is_ready = is_ready);
        }
    }

    /// Those that are ready, beginning with another each time.
    fn in_turn(&self) -> Vec<SocketAddr> {
        let list = self.list.lock().unwrap();
        let mut ready: Vec<_> = list.iter().filter(|one| one.is_ready).map(|one| one.address).collect();
        let turn = self.turn.fetch_add(1, Relaxed) % ready.len().max(1);
        ready.rotate_left(turn);
        ready
    }
}

async fn is_ready(ops: SocketAddr) -> bool {
    let url = format!("http://{ops}/readyz");
    let asked = reqwest::Client::new().get(url).timeout(Duration::from_secs(5)).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}

/// Tries the next one only when a connection is refused: nothing has been sent then.
async fn carry(mut client: TcpStream, replicas: Arc<Replicas>) {
    for address in replicas.in_turn() {
        if let Ok(mut replica) = TcpStream::connect(address).await {
            let _ = copy_bidirectional(&mut client, &mut replica).await;
            return;
        }
    }
}
