//! Connections to one rack, kept between requests. Each thread that serves keeps its own: a connection is moved by the
//! thread that opened it, and another would have to be woken for every byte.
//!
//! Written on hyper's connection API: the library's general client costs each request a task, two channels and
//! a choice of protocols that a gateway to one address has no use for (`make bench` shows the difference).

use super::{
    OutgoingBody, RackBody,
    connect::Connector,
    line::{Line, NoAnswer},
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use thread_local::ThreadLocal;
use tokio::time::{Instant, sleep};

/// Racks close idle connections after 120 s; we do so earlier, so that a request seldom meets a closing one.
const IDLE: Duration = Duration::from_secs(60);
/// More than this many are not kept.
const KEPT: usize = 1_024;

#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Nothing was sent.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The connection failed when the request, or a part of it, may have arrived.
    #[error("the exchange failed")]
    Exchange(#[source] hyper::Error),
    #[error("the rack was silent")]
    Silence,
}

#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    silence: Duration,
    /// Boxed, because it has room for the places of many threads.
    shelves: Box<ThreadLocal<Arc<Shelf>>>,
}

/// Where connections rest. The youngest is at the back.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Resting>);

#[derive(Debug, Default)]
struct Resting {
    lines: VecDeque<Line>,
    /// A task is there that closes what has rested for too long.
    is_swept: bool,
}

impl Pool {
    /// A rack may be silent for `silence`.
    pub fn new(connector: Connector, silence: Duration) -> Self {
        Self { connector, silence, shelves: Box::default() }
    }

    /// Sends on a kept connection or on a new one. A kept one that turns out to be closed gives the request
    /// back unsent, and the next is tried; a request of which a byte was written is never sent twice.
    pub async fn send(
        &self,
        request: &mut Option<Request<OutgoingBody>>,
    ) -> Result<Response<RackBody>, PoolError> {
        let traffic = request.as_ref().and_then(|request| request.body().traffic());
        let shelf = self.shelves.get_or_default();
        let mut now = Instant::now();
        loop {
            let kept = shelf.take(now);
            let is_new = kept.is_none();
            let mut line = match kept {
                Some(line) => line,
                None => {
                    // Boxed, so that requests on a kept connection do not carry room for opening one.
                    let line = Box::pin(self.connector.connect()).await.map_err(PoolError::Connect)?;
                    now = Instant::now();
                    line
                }
            };
            match line.ask(request, now, self.silence, traffic.as_deref()).await {
                Ok(answer) => return Ok(lend(answer, line, shelf)),
                Err(NoAnswer::Unsent(_)) if !is_new => (),
                Err(NoAnswer::Unsent(error) | NoAnswer::Failed(error)) => {
                    return Err(PoolError::Exchange(error));
                }
                Err(NoAnswer::Silence) => return Err(PoolError::Silence),
            }
        }
    }
}

/// The connection comes back with the last byte of the answer.
fn lend(answer: Response<Incoming>, line: Line, shelf: &Arc<Shelf>) -> Response<RackBody> {
    // One that changed its protocol is nobody's connection any more.
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        line.finish();
        return answer.map(|body| RackBody::new(body, None));
    }
    let lease = Lease { line, shelf: shelf.clone() };
    answer.map(|body| RackBody::new(body, Some(lease)))
}

impl Shelf {
    /// The youngest that can carry a request. Those that have ended meanwhile are dropped.
    fn take(&self, now: Instant) -> Option<Line> {
        loop {
            let mut line = self.resting().lines.pop_back()?;
            if is_young(&line, now) && line.is_ready() {
                return Some(line);
            }
        }
    }

    fn put(self: &Arc<Self>, line: Line) {
        let mut resting = self.resting();
        if resting.lines.len() >= KEPT {
            return;
        }
        resting.lines.push_back(line);
        if !std::mem::replace(&mut resting.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counted from the last request, so one that carried a long answer rests for less.
fn is_young(line: &Line, now: Instant) -> bool {
    now.duration_since(line.asked_at()) < IDLE
}

/// Closes what has rested for too long, until nothing rests.
async fn sweep(shelf: Weak<Shelf>) {
    loop {
        sleep(IDLE).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let now = Instant::now();
        let mut resting = shelf.resting();
        let young = resting.lines.iter().position(|line| is_young(line, now));
        let old = young.unwrap_or(resting.lines.len());
        let closed: Vec<_> = resting.lines.drain(..old).collect();
        resting.is_swept = !resting.lines.is_empty();
        let is_over = !resting.is_swept;
        drop(resting);
        drop(closed);
        if is_over {
            return;
        }
    }
}

/// A connection in use. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Lease {
    pub line: Line,
    shelf: Arc<Shelf>,
}

impl Lease {
    /// The answer is over.
    pub fn give_back(mut self) {
        if self.line.has_done_its_part() {
            self.shelf.put(self.line);
        } else {
            self.line.finish();
        }
    }
}
