//! Whole tunnels over in-memory connections of every buffer size, with a client that reads as the stock one does.

mod ending;
mod exit_code;
mod gorilla;
mod hostile;
mod passage;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::frame::{Opcode, server_frame, unmask};
use super::*;

/// Longer than any test: what ends under these limits has ended for another reason.
pub const LONG: RelayLimits = RelayLimits {
    idle: Duration::from_secs(600),
    linger: Duration::from_secs(100),
    marker_wait: Duration::from_secs(50),
};
/// For tests in which a limit is what passes.
pub const SHORT: RelayLimits = RelayLimits {
    idle: Duration::from_secs(600),
    linger: Duration::from_millis(200),
    marker_wait: Duration::from_millis(150),
};
/// Upper bound for "at once" and "soon" on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
pub const MARKER_7: &[u8] = b"\x81\x27F1E49A85-0AD7-4AEF-A618-C249C6E6568D:7\n";
pub const MARKER_1: &[u8] = b"\x81\x27F1E49A85-0AD7-4AEF-A618-C249C6E6568D:1\n";
pub const RACK_END: &[u8] = b"\x82\x00";
pub const CLIENT_END: &[u8] = b"\x82\x80\x01\x02\x03\x04";
pub const CLIENT_PING: &[u8] = b"\x89\x80\x01\x02\x03\x04";
/// Frame bytes of the gateway's own pings: header, and a payload of twelve bytes.
pub const OWN_PING: usize = 14;

/// Both far ends of a running tunnel.
pub struct Tunnel {
    pub client: DuplexStream,
    pub rack: DuplexStream,
    pub stop: Option<oneshot::Sender<String>>,
    pub done: JoinHandle<RelayReport>,
}

pub fn tunnel(kind: StreamKind, buffer: usize) -> Tunnel {
    tunnel_with(kind, buffer, LONG)
}

pub fn tunnel_with(kind: StreamKind, buffer: usize, limits: RelayLimits) -> Tunnel {
    let (client, near_client) = duplex(buffer);
    let (rack, near_rack) = duplex(buffer);
    let (stop, done) = start(near_client, near_rack, kind, limits);
    Tunnel { client, rack, stop: Some(stop), done }
}

pub fn start<C>(
    client: C,
    rack: DuplexStream,
    kind: StreamKind,
    limits: RelayLimits,
) -> (oneshot::Sender<String>, JoinHandle<RelayReport>)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stop, stopped) = oneshot::channel::<String>();
    let stopped = async move {
        match stopped.await {
            Ok(reason) => reason,
            Err(_) => std::future::pending().await,
        }
    };
    (stop, tokio::spawn(relay(client, rack, kind, &limits, stopped)))
}

impl Tunnel {
    pub fn stop(&mut self, reason: &str) {
        self.stop.take().unwrap().send(reason.to_owned()).unwrap();
    }
}

/// A masked frame, as the client sends it.
pub fn client_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let plain = server_frame(opcode, payload);
    let (header, payload) = plain.split_at(plain.len() - payload.len());
    let (mut header, mut payload) = (header.to_vec(), payload.to_vec());
    header[1] |= 0x80;
    unmask(&mut payload, mask);
    [&header[..], &mask, &payload].concat()
}

pub fn text(payload: &[u8]) -> Vec<u8> {
    server_frame(Opcode::Text, payload)
}

/// Exactly `count` bytes.
pub async fn read_exactly(reader: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    reader.read_exact(&mut bytes).await.unwrap();
    bytes
}

pub async fn read_rest(reader: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Takes one of the gateway's own pings and answers it.
pub async fn answer_ping(client: &mut DuplexStream) {
    let ping = read_exactly(client, OWN_PING).await;
    assert_eq!(ping[..2], [0x89, 12], "not a ping of the gateway's: {ping:x?}");
    client.write_all(&client_frame(Opcode::Pong, &ping[2..])).await.unwrap();
}

#[test]
fn accept_key_is_the_one_of_the_rfc() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn the_future_of_a_tunnel_is_small() {
    let (client, _far_client) = duplex(1);
    let (rack, _far_rack) = duplex(1);
    let future = relay(client, rack, StreamKind::Command, &LONG, std::future::pending());
    assert!(size_of_val(&future) <= 1024, "{} bytes", size_of_val(&future));
}
