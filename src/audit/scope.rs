//! The life of one record: opened before anything is known, closed by [`Scope::close`] or, on a panic or when
//! the client goes away, by being dropped.

use super::{Audit, AuditUnavailable, Record, record::Ending, writer::Room};
use crate::{core::RequestId, observe::otel::Trace};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::USER_AGENT};
use std::{
    borrow::Cow,
    net::IpAddr,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What the socket tells about a request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub request_id: RequestId,
    pub ip: IpAddr,
    pub user_agent: Option<HeaderValue>,
    pub method: Method,
}

impl Seen {
    pub fn of(request_id: RequestId, ip: IpAddr, method: &Method, headers: &HeaderMap) -> Self {
        Self { request_id, ip, user_agent: headers.get(USER_AGENT).cloned(), method: method.clone() }
    }
}

/// Bytes of bodies and tunnels, counted where they pass.
#[derive(Debug, Default)]
pub struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Traffic {
    /// Bytes from the client.
    pub fn add_in(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// Bytes to the client.
    pub fn add_out(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Where the bytes of an upstream are counted.
#[derive(Debug)]
pub struct ByteCounters {
    pub sent: metrics::Counter,
    pub received: metrics::Counter,
}

/// Status of a request whose client went away before an answer; the number that proxies have settled on.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// An open record. Derefs to [`Record`] so that each phase writes down what it found.
#[derive(Debug)]
pub struct Scope(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    audit: Audit,
    room: Room,
    record: Record,
    started: Instant,
    status: Option<StatusCode>,
    traffic: Arc<Traffic>,
    /// Lasts as long as the record is open.
    trace: Trace,
}

impl Scope {
    pub(super) fn new(audit: Audit, room: Room, record: Record) -> Self {
        let (traffic, trace) = (Arc::default(), Trace::current());
        let started = Instant::now();
        Self(Some(Box::new(Open { audit, room, record, started, status: None, traffic, trace })))
    }

    /// Writes the record as an intent and waits until it is on disk. Nothing is changed before this returns.
    pub async fn intent(&mut self) -> Result<(), AuditUnavailable> {
        let Some(open) = &self.0 else { return Err(AuditUnavailable) };
        let row = open.record.row(&Ending::intent(open.started.elapsed()));
        open.audit.writer().record_durable(row).await
    }

    /// The status that the client is answered with.
    pub fn answered(&mut self, status: StatusCode) {
        if let Some(open) = &mut self.0 {
            open.status = Some(status);
        }
    }

    pub fn traffic(&self) -> Arc<Traffic> {
        self.0.as_ref().map(|open| open.traffic.clone()).unwrap_or_default()
    }

    pub fn elapsed(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |open| open.started.elapsed())
    }

    /// Writes the outcome: the row into the room that was reserved for it, the line to stdout.
    pub fn close(mut self) {
        self.finish();
    }

    /// Leaves no record: for what changed nothing and comes by the thousand, such as heartbeats.
    pub fn forget(mut self) {
        self.0 = None;
    }

    fn finish(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { audit, room, mut record, started, status, traffic, trace } = *open;
        trace.decided(record.decision.as_str());
        if status.is_none() {
            record.reason.get_or_insert(Cow::Borrowed(why_unanswered()));
        }
        let ending = Ending {
            event: "outcome",
            status: Some(status.unwrap_or_else(status_of_the_unanswered)),
            latency: started.elapsed(),
            bytes_in: traffic.bytes_in(),
            bytes_out: traffic.bytes_out(),
        };
        if let Some(counters) = &record.byte_counters {
            counters.sent.increment(ending.bytes_in);
            counters.received.increment(ending.bytes_out);
        }
        let row = record.row(&ending);
        audit.now_line(&row.record);
        room.fill(row);
    }
}

fn status_of_the_unanswered() -> StatusCode {
    if std::thread::panicking() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST)
}

fn why_unanswered() -> &'static str {
    if std::thread::panicking() {
        "something went wrong in the gateway"
    } else {
        "the connection ended before the answer"
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Deref for Scope {
    type Target = Record;

    #[expect(
        clippy::expect_used,
        reason = "the record leaves only in finish, which consumes or drops the scope"
    )]
    fn deref(&self) -> &Record {
        &self.0.as_ref().expect("an open scope").record
    }
}

impl DerefMut for Scope {
    #[expect(
        clippy::expect_used,
        reason = "the record leaves only in finish, which consumes or drops the scope"
    )]
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.0.as_mut().expect("an open scope").record
    }
}
