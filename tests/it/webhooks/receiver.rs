//! A receiver of webhooks that verifies as its authors would, and has moods.

use crate::support::wire::{Body, Wire};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rack_gateway::core::id::DeliveryId;
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

pub const SECRET: &str = "a secret of the webhooks";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    Failing,
    Refusing,
    /// Sends elsewhere.
    Redirecting,
    /// Takes the request and hangs up.
    Rude,
}

#[derive(Clone, Debug)]
pub struct Taken {
    pub id: DeliveryId,
    pub seconds: i64,
    pub event: Value,
    pub content_type: String,
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    knocks: Arc<AtomicUsize>,
    serving: Arc<JoinHandle<()>>,
}

impl Receiver {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(mood));
        let (taken, knocks): (Arc<Mutex<Vec<Taken>>>, Arc<AtomicUsize>) = Default::default();
        let (for_visits, to_take, to_count) = (mood.clone(), taken.clone(), knocks.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Wire::on(stream), for_visits.clone(), to_take.clone(), to_count.clone()));
            }
        });
        Self { address, mood, taken, knocks, serving: Arc::new(serving) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What was verified and taken.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Requests, whatever became of them.
    pub fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }

    pub async fn until_taken(&self, count: usize) -> Vec<Taken> {
        for _ in 0..1_000 {
            if self.taken().len() >= count {
                return self.taken();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} of {count} were taken, of {} tries", self.taken().len(), self.knocks());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if Arc::strong_count(&self.serving) == 1 {
            self.serving.abort();
        }
    }
}

async fn serve(
    mut wire: Wire,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    knocks: Arc<AtomicUsize>,
) {
    while let Some(head) = wire.try_head().await {
        let Body::Whole(body) = wire.body(&head).await else { return };
        knocks.fetch_add(1, Ordering::SeqCst);
        let mood = *mood.lock().unwrap();
        let status = match mood {
            Mood::Good => "204 No Content\r\n\r\n",
            Mood::Failing => "500 Oh no\r\nContent-Length: 0\r\n\r\n",
            Mood::Refusing => "404 Not Found\r\nContent-Length: 0\r\n\r\n",
            Mood::Redirecting => {
                "307 There\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n"
            }
            Mood::Rude => return,
        };
        if mood == Mood::Good {
            let header = |name: &str| head.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
            let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
            assert_eq!(header("webhook-signature"), sign(&id, &seconds, &body), "not signed by the gateway");
            taken.lock().unwrap().push(Taken {
                id: id.parse().unwrap(),
                seconds: seconds.parse().unwrap(),
                event: serde_json::from_slice(&body).unwrap(),
                content_type: header("content-type"),
            });
        }
        wire.send(format!("HTTP/1.1 {status}")).await;
    }
}

/// As a receiver computes it, from the specification, with another library than the gateway's.
fn sign(id: &str, seconds: &str, body: &[u8]) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
    format!("v1,{}", BASE64_STANDARD.encode(aws_lc_rs::hmac::sign(&key, &signed)))
}
