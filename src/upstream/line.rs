//! One connection to a rack, driven by whoever has the exchange on it.
//!
//! A connection with a task of its own costs each request two more turns of the scheduler: one to send, one to
//! receive. Here the task that waits for the answer does the reading and writing itself.

use super::OutgoingBody;
use crate::{audit::Traffic, net::Socket};
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// The session is boxed: it is more than a kilobyte, which plain connections should not carry.
pub(super) type Wire = TokioIo<Either<Socket, Box<TlsStream<TcpStream>>>>;

/// How often the two ends of a connection are looked at in turn before other tasks get theirs.
const ROUNDS: usize = 16;

/// Dropping it closes the connection.
pub(super) struct Line {
    sender: SendRequest<OutgoingBody>,
    /// None when it has ended.
    connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    turn: Arc<Turn>,
    /// `turn`, as the connection and the alarm know it.
    waker: Waker,
    alarm: Alarm,
    asked_at: Instant,
    /// The last request had a body, of which a part may be left when the answer is over.
    may_owe: bool,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// Nothing was sent; the request is back in its place.
    Unsent(hyper::Error),
    Failed(hyper::Error),
    /// The rack was silent for too long.
    Silence,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("is_open", &self.connection.is_some()).finish_non_exhaustive()
    }
}

impl Line {
    pub fn new(sender: SendRequest<OutgoingBody>, connection: Connection<Wire, OutgoingBody>) -> Self {
        let turn = Arc::<Turn>::default();
        let waker = Waker::from(turn.clone());
        let connection = Some(Box::pin(connection.with_upgrades()) as _);
        let asked_at = Instant::now();
        Self { sender, connection, turn, waker, alarm: Alarm::default(), asked_at, may_owe: false }
    }

    /// Takes the request and sends it, and waits for the head of the answer, as long as the rack is not silent for
    /// `silence`. An upload that still moves is not silence.
    pub async fn ask(
        &mut self,
        request: &mut Option<Request<OutgoingBody>>,
        now: Instant,
        silence: Duration,
        upload: Option<&Traffic>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let moved = || upload.map_or(0, Traffic::bytes_in);
        let mut seen = moved();
        self.asked_at = now;
        self.alarm.set(now, silence);
        self.may_owe = request.as_ref().is_some_and(|request| !request.body().is_end_stream());
        let mut answer = pin!(None);
        poll_fn(|cx| {
            self.drive(cx, |line, cx| {
                if let Some(request) = request.take() {
                    answer.set(Some(line.sender.try_send_request(request)));
                }
                let Some(answer) = answer.as_mut().as_pin_mut() else { return Poll::Pending };
                match answer.poll(cx) {
                    Poll::Ready(Ok(answer)) => return Poll::Ready(Ok(answer)),
                    Poll::Ready(Err(mut error)) => {
                        *request = error.take_message();
                        let why = if request.is_some() { NoAnswer::Unsent } else { NoAnswer::Failed };
                        return Poll::Ready(Err(why(error.into_error())));
                    }
                    Poll::Pending => (),
                }
                while line.alarm.poll(cx).is_ready() {
                    if moved() == seen {
                        return Poll::Ready(Err(NoAnswer::Silence));
                    }
                    seen = moved();
                    line.alarm.set(Instant::now(), silence);
                }
                Poll::Pending
            })
        })
        .await
    }

    /// Looks for what one waits for, and moves the connection, until neither gets any further.
    pub fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = self.waker.clone();
        let mut own = Context::from_waker(&waker);
        self.turn.owner.register(cx.waker());
        self.turn.driven.store(true, SeqCst);
        let mut found = look(self, &mut own);
        for _ in 0..ROUNDS {
            if found.is_ready() || !self.advance(&mut own) {
                break;
            }
            found = look(self, &mut own);
        }
        self.turn.driven.store(false, SeqCst);
        if found.is_pending() && self.turn.woken.load(SeqCst) {
            cx.waker().wake_by_ref();
        }
        found
    }

    /// Moves the connection. True when there may be something new to see.
    fn advance(&mut self, own: &mut Context<'_>) -> bool {
        let Some(connection) = &mut self.connection else { return self.turn.woken.swap(false, SeqCst) };
        self.turn.woken.store(false, SeqCst);
        if connection.as_mut().poll(own).is_ready() {
            // What failed here fails the exchange that runs, and is told there.
            self.connection = None;
            return true;
        }
        self.turn.woken.load(SeqCst)
    }

    /// True when nothing of the last exchange is left and, as far as has been heard, the rack has not hung up.
    pub fn is_ready(&mut self) -> bool {
        let waker = self.waker.clone();
        self.turn.owner.take();
        self.turn.driven.store(true, SeqCst);
        self.advance(&mut Context::from_waker(&waker));
        self.turn.driven.store(false, SeqCst);
        self.connection.is_some() && self.sender.is_ready()
    }

    /// When the last request was sent.
    pub const fn asked_at(&self) -> Instant {
        self.asked_at
    }

    /// True, after the end of an answer, when nothing is left to send.
    pub fn has_done_its_part(&mut self) -> bool {
        !self.may_owe || self.is_ready()
    }

    /// Carries on alone what is left to do: the rest of an upload that was answered early, or the change of the
    /// protocol.
    pub fn finish(self) {
        let Some(connection) = self.connection else { return };
        drop(self.sender);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

/// Wakes whoever drives the connection. While it is being driven there is nobody to wake: a note is taken, and
/// the connection looked at once more.
#[derive(Default)]
struct Turn {
    owner: AtomicWaker,
    driven: AtomicBool,
    woken: AtomicBool,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order, as `Line::drive` looks in the other: one of the two sees what the other did.
        self.woken.store(true, SeqCst);
        if !self.driven.load(SeqCst) {
            self.owner.wake();
        }
    }
}

/// A timer that outlives exchanges. Setting it costs nothing as long as it is set to ever later times: it rings at
/// an old time, finds that there is time left, and is wound up again.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    end: Option<Instant>,
}

impl Alarm {
    /// Not at all, when `after` is beyond the end of time.
    fn set(&mut self, now: Instant, after: Duration) {
        self.end = now.checked_add(after);
        if let (Some(sleep), Some(end)) = (&mut self.sleep, self.end)
            && end < sleep.deadline()
        {
            sleep.as_mut().reset(end);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.end else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= end {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(end);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    async fn rings_within(alarm: &mut Alarm, limit: Duration) -> bool {
        timeout(limit, poll_fn(|cx| alarm.poll(cx))).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_is_set_again_rings_at_the_later_time() {
        let second = Duration::from_secs(1);
        let mut alarm = Alarm::default();
        alarm.set(Instant::now(), second * 3);
        assert!(!rings_within(&mut alarm, second).await);
        alarm.set(Instant::now(), second * 3);
        assert!(!rings_within(&mut alarm, second * 5 / 2).await, "the first time is past, the second is not");
        assert!(rings_within(&mut alarm, second).await);
        // It has rung, and nobody looked for long.
        advance(second * 100).await;
        alarm.set(Instant::now(), second);
        assert!(!rings_within(&mut alarm, second / 2).await);
        assert!(rings_within(&mut alarm, second).await);
        alarm.set(Instant::now(), Duration::MAX);
        assert!(!rings_within(&mut alarm, second * 1_000_000).await);
    }

    #[test]
    fn a_wake_reaches_the_owner_or_is_noted() {
        struct Owner(AtomicBool);
        impl Wake for Owner {
            fn wake(self: Arc<Self>) {
                self.0.store(true, SeqCst);
            }
        }
        let owner = Arc::new(Owner(AtomicBool::new(false)));
        let turn = Arc::new(Turn::default());
        let waker = Waker::from(turn.clone());
        waker.wake_by_ref();
        turn.owner.register(&owner.clone().into());
        turn.driven.store(true, SeqCst);
        waker.wake_by_ref();
        assert!(turn.woken.load(SeqCst) && !owner.0.load(SeqCst));
        turn.driven.store(false, SeqCst);
        waker.wake_by_ref();
        assert!(owner.0.load(SeqCst));
    }
}
