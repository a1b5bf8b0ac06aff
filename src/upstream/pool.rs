//! Connections to one rack, kept between requests.
//!
//! Written on hyper's connection API: the library's general client costs each request a task, two channels and
//! a choice of protocols that a gateway to one address has no use for (`make bench` shows the difference).

use super::{OutgoingBody, RackBody, connect::Connector};
use http::{Request, Response, StatusCode};
use hyper::client::conn::http1::SendRequest;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

type Sender = SendRequest<OutgoingBody>;

/// Racks close idle connections after 120 s; we do so earlier, so that a request seldom meets a closing one.
const IDLE: Duration = Duration::from_secs(60);
/// More than this many are not kept.
const KEPT: usize = 1_024;
/// How many of the youngest connections are looked at for one that is ready.
const LOOKED_AT: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Nothing was sent.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The connection failed when the request, or a part of it, may have arrived.
    #[error("the exchange failed")]
    Exchange(#[source] hyper::Error),
}

#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    shelf: Arc<Shelf>,
}

/// Where connections rest. The youngest is at the back.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<Resting>>);

#[derive(Debug)]
struct Resting {
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub fn new(connector: Connector) -> Self {
        Self { connector, shelf: Arc::default() }
    }

    /// Sends on a kept connection or on a new one. A kept one that turns out to be closed gives the request
    /// back unsent, and the next is tried; a request of which a byte was written is never sent twice.
    pub async fn send(&self, mut request: Request<OutgoingBody>) -> Result<Response<RackBody>, PoolError> {
        while let Some(mut sender) = self.shelf.take() {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.lend(answer, sender)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(PoolError::Exchange(error.into_error())),
                },
            }
        }
        let mut sender = self.connector.connect().await.map_err(PoolError::Connect)?;
        let answer = sender.try_send_request(request).await;
        let answer = answer.map_err(|error| PoolError::Exchange(error.into_error()))?;
        Ok(self.lend(answer, sender))
    }

    /// The connection comes back with the last byte of the answer.
    fn lend(&self, answer: Response<hyper::body::Incoming>, sender: Sender) -> Response<RackBody> {
        // One that changed its protocol is nobody's connection any more.
        let is_reusable = answer.status() != StatusCode::SWITCHING_PROTOCOLS;
        let lease = is_reusable.then(|| Lease { sender, shelf: self.shelf.clone() });
        answer.map(|body| RackBody::new(body, lease))
    }
}

impl Shelf {
    /// The youngest that is ready. One that still ends its last exchange stays where it is.
    fn take(&self) -> Option<Sender> {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = resting.iter().rev().take(LOOKED_AT).position(|one| one.sender.is_ready())?;
        let index = resting.len().checked_sub(ready + 1)?;
        resting.remove(index).filter(|one| one.since.elapsed() < IDLE).map(|one| one.sender)
    }

    fn put(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_done = |one: &Resting| one.sender.is_closed() || now.duration_since(one.since) >= IDLE;
        while resting.front().is_some_and(is_done) {
            resting.pop_front();
        }
        if resting.len() < KEPT {
            resting.push_back(Resting { sender, since: now });
        }
    }
}

/// A connection in use. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Lease {
    sender: Sender,
    shelf: Arc<Shelf>,
}

impl Lease {
    /// The exchange is over and the connection good for another.
    pub fn give_back(self) {
        self.shelf.put(self.sender);
    }
}
