//! The tunnel as a whole: two lanes, the care for the exit marker, and every way a stream can end.
//!
//! One future drives both directions, so an idle tunnel costs no buffers, locks or tasks of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::frame::{FrameError, Opcode, Peer, close, end_of_stream};
use super::guard::ExitGuard;
use super::lane::{Lane, Step, Verdict};
use super::marker::{exit_code, is_marker};
use super::refusal::{complaint, refusal_frames};
use super::{EndedBy, RelayError, RelayLimits, RelayReport, StreamKind};

const PROTOCOL_ERROR: u16 = 1002;
/// Reads or writes of one lane before the other has its turn, so that a flood one way does not starve the other.
const ROUNDS: usize = 32;
/// Stands for limits too long to be added to a clock.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Relays frames between an upgraded `client` and an upgraded `rack` connection until the stream ends, and closes
/// both. `stop` resolves with the reason when the gateway must end the stream (revocation, drain); the user sees it.
pub fn relay<C, R, S>(
    client: C,
    rack: R,
    kind: StreamKind,
    limits: &RelayLimits,
    stop: S,
) -> impl Future<Output = RelayReport> + use<C, R, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
    S: Future<Output = String>,
{
    let mut tunnel = Tunnel::new(client, rack, kind, *limits);
    async move {
        let mut stop = pin!(stop);
        let mut timer = pin!(sleep_until(tunnel.deadline()));
        poll_fn(|cx| tunnel.poll(cx, stop.as_mut(), timer.as_mut())).await;
        tunnel.report()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Relaying,
    /// The gateway's own last words are on their way to the client.
    Parting,
    /// One side has ended; the other may still say its end.
    Lingering,
    Over,
}

/// What becomes of the client's frames.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Relayed,
    /// The rack takes no more. Still parsed, for the pongs the guard waits for.
    Ignored,
    /// Read only so that closing does not reset the connection.
    Drained,
}

struct Tunnel<C, R> {
    client: C,
    /// None once the gateway speaks in the rack's place.
    rack: Option<R>,
    kind: StreamKind,
    limits: RelayLimits,
    up: Lane,
    down: Lane,
    input: Input,
    guard: ExitGuard,
    /// What the marker says that the guard holds back.
    announced: Option<i32>,
    /// What the client was told by the rack.
    exit_code: Option<i32>,
    phase: Phase,
    /// The last byte while relaying, else the beginning of the phase.
    since: Instant,
    /// Waits until a long frame is with the client in full.
    last_words: Option<Vec<u8>>,
    ended_by: Option<EndedBy>,
    client_shut: bool,
}

impl<C, R> Tunnel<C, R>
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    fn new(client: C, rack: R, kind: StreamKind, limits: RelayLimits) -> Self {
        Self {
            client,
            rack: Some(rack),
            kind,
            limits,
            up: Lane::new(Peer::Client),
            down: Lane::new(Peer::Rack),
            input: Input::Relayed,
            guard: ExitGuard::new(limits.marker_wait),
            announced: None,
            exit_code: None,
            phase: Phase::Relaying,
            since: Instant::now(),
            last_words: None,
            ended_by: None,
            client_shut: false,
        }
    }

    /// Closes both connections.
    fn report(self) -> RelayReport {
        RelayReport {
            client_to_rack: self.up.moved(),
            rack_to_client: self.down.moved(),
            exit_code: self.exit_code,
            ended_by: self.ended_by.unwrap_or(EndedBy::Client),
        }
    }

    fn poll<S>(&mut self, cx: &mut Context<'_>, mut stop: Pin<&mut S>, mut timer: Pin<&mut Sleep>) -> Poll<()>
    where
        S: Future<Output = String>,
    {
        loop {
            let phase = self.phase;
            if phase == Phase::Relaying
                && let Poll::Ready(reason) = stop.as_mut().poll(cx)
            {
                self.part(EndedBy::Gateway(reason));
            }
            // Upwards first: a pong that arrives may open the guard of the other lane.
            self.poll_up(cx);
            self.poll_down(cx);
            if self.phase == Phase::Over {
                return Poll::Ready(());
            }
            if self.phase == phase {
                ready!(timer.as_mut().poll(cx));
                if self.deadline() <= Instant::now() {
                    self.time_is_up();
                }
            }
            timer.as_mut().reset(self.deadline());
        }
    }

    fn deadline(&self) -> Instant {
        let RelayLimits { idle, linger, marker_wait } = self.limits;
        let wait = match self.phase {
            Phase::Relaying => idle,
            Phase::Parting => linger.saturating_add(marker_wait.saturating_mul(2)),
            Phase::Lingering | Phase::Over => linger,
        };
        self.since.checked_add(wait).unwrap_or_else(|| self.since + A_YEAR)
    }

    fn time_is_up(&mut self) {
        match self.phase {
            Phase::Relaying => self.part(EndedBy::Idle),
            Phase::Parting | Phase::Lingering | Phase::Over => self.phase = Phase::Over,
        }
    }

    /// Client to rack, as far as it goes without waiting.
    fn poll_up(&mut self, cx: &mut Context<'_>) {
        for _ in 0..ROUNDS {
            if self.phase == Phase::Over || self.poll_input(cx).is_pending() {
                return;
            }
            match self.advance_up() {
                Ok(Step::Cleared | Step::Held(_)) => {}
                Ok(Step::Starved) => match self.up.poll_read(cx, &mut self.client) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(1..)) => self.note_life(),
                    Poll::Ready(_) => self.end(EndedBy::Client, Phase::Over),
                },
                Err(error) => self.client_broke_protocol(error),
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Gets rid of the frames that are cleared: to the rack, or nowhere.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (self.input, &mut self.rack) {
            (Input::Relayed, Some(rack)) => {
                if ready!(self.up.poll_write(cx, rack)).is_err() {
                    // What the rack has to say may still be there to be read: the other lane finds its end.
                    self.input = Input::Ignored;
                    self.up.drop_cleared();
                }
            }
            (Input::Relayed | Input::Ignored, _) => self.up.drop_cleared(),
            (Input::Drained, _) => self.up.discard(),
        }
        if self.up.is_finished() && self.input != Input::Drained {
            self.input = Input::Drained;
            self.end(EndedBy::Client, Phase::Lingering);
        }
        Poll::Ready(())
    }

    fn advance_up(&mut self) -> Result<Step, FrameError> {
        if self.input == Input::Drained {
            return Ok(Step::Starved);
        }
        let guard = &mut self.guard;
        self.up.advance(|header, payload| {
            if guard.claims(header, payload) {
                Verdict::Swallow
            } else if header.opcode == Opcode::Close {
                Verdict::Last
            } else {
                Verdict::Pass
            }
        })
    }

    /// Rack to client, as far as it goes without waiting.
    fn poll_down(&mut self, cx: &mut Context<'_>) {
        for _ in 0..ROUNDS {
            if self.phase == Phase::Over {
                return;
            }
            match self.guard.poll_write(cx, &mut self.down, &mut self.client) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.end(EndedBy::Client, Phase::Over),
            }
            if self.down.is_finished() {
                return self.poll_hang_up(cx);
            }
            self.say_last_words();
            match self.advance_down() {
                Ok(Step::Cleared) => self.guard.note_output(),
                Ok(Step::Held(len)) => self.send_marker(len),
                Ok(Step::Starved) => match &mut self.rack {
                    None => self.down.finish(),
                    Some(rack) => match self.down.poll_read(cx, rack) {
                        Poll::Pending => return,
                        Poll::Ready(Ok(1..)) => self.note_life(),
                        Poll::Ready(_) => self.rack_is_gone(),
                    },
                },
                Err(error) => self.rack_broke_protocol(error),
            }
        }
        cx.waker().wake_by_ref();
    }

    fn advance_down(&mut self) -> Result<Step, FrameError> {
        let (kind, announced) = (self.kind, &mut self.announced);
        self.down.advance(|header, payload| {
            if header.is_end_of_stream() || header.opcode == Opcode::Close {
                Verdict::Last
            } else if kind == StreamKind::Command && is_marker(header, payload) {
                *announced = exit_code(payload);
                Verdict::Hold
            } else {
                Verdict::Pass
            }
        })
    }

    fn send_marker(&mut self, len: usize) {
        if self.guard.try_release(&mut self.down, len) && self.rack.is_some() {
            self.exit_code = self.announced;
        }
    }

    /// The client has the end of the stream; nothing more is written to it.
    fn poll_hang_up(&mut self, cx: &mut Context<'_>) {
        self.end(EndedBy::Rack, Phase::Lingering);
        if !self.client_shut {
            self.client_shut = Pin::new(&mut self.client).poll_shutdown(cx).is_ready();
        }
        if self.client_shut && self.up.is_finished() {
            self.enter(Phase::Over);
        }
    }

    fn rack_is_gone(&mut self) {
        let cut = matches!(self.kind, StreamKind::Command | StreamKind::Output) && self.exit_code.is_none();
        self.rack = None;
        match self.phase {
            _ if self.down.is_inside_frame() => self.end(EndedBy::Failed(RelayError::RackLost), Phase::Over),
            Phase::Relaying if cut => self.part(EndedBy::Failed(RelayError::RackLost)),
            Phase::Relaying => self.part(EndedBy::Rack),
            Phase::Parting | Phase::Lingering | Phase::Over => self.down.finish(),
        }
    }

    fn rack_broke_protocol(&mut self, error: FrameError) {
        match self.phase {
            Phase::Relaying => self.part(EndedBy::Failed(RelayError::Protocol { from: Peer::Rack, error })),
            Phase::Parting | Phase::Lingering | Phase::Over => self.enter(Phase::Over),
        }
    }

    fn client_broke_protocol(&mut self, error: FrameError) {
        self.input = Input::Drained;
        if self.phase == Phase::Relaying {
            self.part(EndedBy::Failed(RelayError::Protocol { from: Peer::Client, error }));
        }
    }

    /// Ends the stream in words the client understands, instead of the rack.
    fn part(&mut self, ended_by: EndedBy) {
        self.last_words = Some(self.farewell(&ended_by));
        if self.input == Input::Relayed {
            self.input = Input::Ignored;
        }
        self.end(ended_by, Phase::Parting);
    }

    fn farewell(&self, ended_by: &EndedBy) -> Vec<u8> {
        let reason = match ended_by {
            EndedBy::Failed(RelayError::Protocol { from: Peer::Client, .. }) => return close(PROTOCOL_ERROR),
            EndedBy::Failed(error @ RelayError::Protocol { from: Peer::Rack, .. }) => {
                return [complaint(self.kind, &error.to_string()), close(PROTOCOL_ERROR)].concat();
            }
            _ if self.kind == StreamKind::Bytes => return Vec::new(),
            // The client knows the true exit code already; it only waits for the end.
            _ if self.exit_code.is_some() => return end_of_stream(),
            EndedBy::Client | EndedBy::Rack => return end_of_stream(),
            EndedBy::Idle => format!("the stream was idle for {} s", self.limits.idle.as_secs()),
            EndedBy::Gateway(reason) => reason.clone(),
            EndedBy::Failed(error) => error.to_string(),
        };
        refusal_frames(self.kind, &reason)
    }

    /// Drops the rack and puts the farewell in its place, unless the client is inside a frame of the rack's.
    fn say_last_words(&mut self) {
        if self.down.is_inside_frame() {
            return;
        }
        if let Some(frames) = self.last_words.take() {
            self.down.speak_instead(&frames);
            self.rack = None;
        }
    }

    /// The first reason given stays; the phase only moves on.
    fn end(&mut self, ended_by: EndedBy, phase: Phase) {
        self.ended_by.get_or_insert(ended_by);
        self.enter(phase);
    }

    fn enter(&mut self, phase: Phase) {
        if phase > self.phase {
            self.phase = phase;
            self.since = Instant::now();
        }
    }

    fn note_life(&mut self) {
        if self.phase == Phase::Relaying {
            self.since = Instant::now();
        }
    }
}
