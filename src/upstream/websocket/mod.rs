//! The WebSocket tunnel between a stock `convox` client and a rack.
//!
//! It relays bytes and knows where RFC 6455 frames begin and end; it is not a WebSocket endpoint. Racks send
//! arbitrary bytes in text frames, never pong on log streams, end a stream with an empty binary frame instead of
//! a close, and tell exit codes in a marker the client finds only when it arrives whole. So nothing is
//! validated as text, merged, split or masked anew, and every end of a stream is one the client understands.
//! Handshakes, permissions and audit do not live here.

mod checkpoint;
mod frame;
mod guard;
mod inbox;
mod lane;
mod marker;
mod refusal;
mod relay;

#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use thiserror::Error;

pub use frame::{FrameError, Peer};
pub use refusal::{refusal_frames, refuse};
pub use relay::relay;

/// What a stream carries, which decides how it may be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// `exec`, `run`, instance shell: terminal bytes, then an exit marker.
    Command,
    /// Logs: text from the rack, nothing from the client.
    Output,
    /// `proxy`, resource console: raw bytes both ways.
    Bytes,
}

/// How long the relay waits for what.
#[derive(Debug, Clone, Copy)]
pub struct RelayLimits {
    /// No byte from either side for this long ends the stream. The client's pings are bytes.
    pub idle: Duration,
    /// After the end of the stream was seen, the other side has this long before both are closed.
    pub linger: Duration,
    /// The client's time to prove that it has read all output, before the exit marker is sent anyway.
    pub marker_wait: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndedBy {
    /// The client closed or disappeared.
    Client,
    /// The rack ended the stream in an orderly way.
    Rack,
    /// [`RelayLimits::idle`] passed.
    Idle,
    /// The gateway had to end it, for the reason shown to the user.
    Gateway(String),
    Failed(RelayError),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RelayError {
    /// A side broke the WebSocket protocol; the client was closed with code 1002.
    #[error("the {from} broke the websocket protocol: {error}")]
    Protocol { from: Peer, error: FrameError },
    /// The rack's connection ended without the end of the stream. A command's client was told to exit 1.
    #[error("connection to the rack was lost")]
    RackLost,
}

/// What happened on a finished tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayReport {
    /// Bytes of frames passed on, headers included. The gateway's own frames are not counted.
    pub client_to_rack: u64,
    pub rack_to_client: u64,
    /// From the rack's exit marker; none when the rack did not tell.
    pub exit_code: Option<i32>,
    pub ended_by: EndedBy,
}

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
pub fn accept_key(client_key: &str) -> String {
    let digest = Sha1::new().chain_update(client_key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest.finalize())
}
