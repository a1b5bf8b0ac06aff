//! A command's exit code arrives, whatever the sizes and the timing.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use rand::RngExt as _;
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::gorilla::{Gorilla, Outcome};
use super::*;

/// Runs a command through a tunnel: `frames` of output, the marker for 7, and the end.
async fn run_command(frames: Vec<Vec<u8>>, buffer: usize) -> (Outcome, RelayReport) {
    let Tunnel { client, mut rack, done, stop: _stop } = tunnel(StreamKind::Command, buffer);
    let gorilla = tokio::spawn(Gorilla::new(client).run());
    rack.write_all(&[&frames.concat(), MARKER_7, RACK_END].concat()).await.unwrap();
    let outcome = gorilla.await.unwrap();
    (outcome, done.await.unwrap())
}

#[tokio::test]
async fn two_hundred_runs_around_the_clients_buffer_all_exit_7() {
    let mut random = rand::rng();
    for run in 0..200 {
        let boundary = 4096 * random.random_range(1..4);
        let total = boundary - random.random_range(0..60);
        let first = random.random_range(0..total);
        let frames = vec![text(&vec![b'a'; first]), text(&vec![0xFE; total - first])];
        let (outcome, report) = run_command(frames, 1 << 20).await;
        assert_eq!(outcome.exit, Ok(7), "run {run}: {first} of {total} bytes");
        assert_eq!(outcome.output.len(), total);
        assert_eq!(report.exit_code, Some(7));
        assert_eq!(report.ended_by, EndedBy::Rack);
    }
}

#[tokio::test]
async fn over_tcp_the_code_arrives_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for total in (4040..4100).chain([1, 60_000]) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (near_client, _) = listener.accept().await.unwrap();
        near_client.set_nodelay(true).unwrap();
        let (mut rack, near_rack) = duplex(1 << 20);
        let (_stop, done) = start(near_client, near_rack, StreamKind::Command, LONG);
        rack.write_all(&[&text(&vec![b'o'; total]), MARKER_7, RACK_END].concat()).await.unwrap();
        let outcome = Gorilla::new(client).run().await;
        assert_eq!((outcome.exit, outcome.output.len()), (Ok(7), total));
        assert_eq!(done.await.unwrap().ended_by, EndedBy::Rack);
    }
}

#[tokio::test]
async fn small_pipes_and_tiny_reads_keep_the_code() {
    for buffer in [1, 7, 100, 4096] {
        let (outcome, report) = run_command(vec![text(&vec![b'o'; 5000])], buffer).await;
        // Through less than a marker's length at a time it cannot reach the client in one read.
        let expected = if buffer < MARKER_7.len() { Ok(0) } else { Ok(7) };
        assert_eq!(outcome.exit, expected, "buffer {buffer}");
        assert_eq!(report.exit_code, Some(7), "buffer {buffer}");
        assert_eq!(report.rack_to_client, 5004 + 41 + 2);
    }
}

#[tokio::test]
async fn a_dripping_rack_still_exits_7() {
    let Tunnel { client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 16);
    let gorilla = tokio::spawn(Gorilla::new(client).run());
    for byte in [&text(b"leaving\n"), MARKER_7, RACK_END].concat() {
        rack.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    let outcome = gorilla.await.unwrap();
    assert_eq!((outcome.exit, outcome.output), (Ok(7), b"leaving\n".to_vec()));
    assert_eq!(outcome.pongs, 2, "one proof before the marker, one after");
    assert_eq!(done.await.unwrap().exit_code, Some(7));
}

#[tokio::test]
async fn an_error_after_the_marker_is_not_read_with_it() {
    let Tunnel { client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 16);
    let gorilla = tokio::spawn(Gorilla::new(client).run());
    rack.write_all(&[MARKER_1, &text(b"ERROR: no such process: nopid\n"), RACK_END].concat()).await.unwrap();
    let outcome = gorilla.await.unwrap();
    assert_eq!(outcome.exit, Ok(1));
    assert_eq!(outcome.output, b"ERROR: no such process: nopid\n");
    assert_eq!(done.await.unwrap().exit_code, Some(1));
}

#[tokio::test]
async fn pongs_of_the_gateway_stay_here_and_the_clients_own_traffic_goes_on() {
    let mut t = tunnel(StreamKind::Command, 1 << 16);
    t.rack.write_all(&[&text(b"out"), MARKER_7, RACK_END].concat()).await.unwrap();
    assert_eq!(read_exactly(&mut t.client, 5).await, text(b"out"));
    let ping = read_exactly(&mut t.client, OWN_PING).await;
    let typed = client_frame(Opcode::Text, b"typed meanwhile");
    let foreign = client_frame(Opcode::Pong, b"to the rack");
    t.client.write_all(&[CLIENT_PING, &typed, &foreign].concat()).await.unwrap();
    let relayed = [CLIENT_PING, &typed, &foreign].concat();
    assert_eq!(read_exactly(&mut t.rack, relayed.len()).await, relayed);
    t.client.write_all(&client_frame(Opcode::Pong, &ping[2..])).await.unwrap();
    assert_eq!(read_exactly(&mut t.client, 41).await, MARKER_7);
    answer_ping(&mut t.client).await;
    assert_eq!(read_exactly(&mut t.client, 2).await, RACK_END);
    t.client.write_all(CLIENT_END).await.unwrap();
    assert_eq!(read_exactly(&mut t.rack, 6).await, CLIENT_END);
    drop(t.client);
    let report = t.done.await.unwrap();
    assert_eq!(report.client_to_rack, relayed.len() as u64 + 6);
    assert_eq!(read_rest(&mut t.rack).await, b"");
}

#[tokio::test]
async fn a_client_that_never_pongs_waits_a_bounded_time() {
    let mut t = tunnel_with(StreamKind::Command, 1 << 16, SHORT);
    let started = Instant::now();
    t.rack.write_all(&[&text(b"out"), MARKER_7, RACK_END].concat()).await.unwrap();
    read_exactly(&mut t.client, 5 + OWN_PING).await;
    assert_eq!(read_exactly(&mut t.client, 41).await, MARKER_7);
    assert!(started.elapsed() >= SHORT.marker_wait);
    read_exactly(&mut t.client, OWN_PING).await;
    assert_eq!(read_exactly(&mut t.client, 2).await, RACK_END);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn a_marker_without_output_before_it_goes_at_once() {
    let mut t = tunnel(StreamKind::Command, 1 << 16);
    t.rack.write_all(MARKER_7).await.unwrap();
    assert_eq!(read_exactly(&mut t.client, 41).await, MARKER_7);
}

#[tokio::test]
async fn markers_in_logs_and_byte_streams_are_data() {
    for kind in [StreamKind::Output, StreamKind::Bytes] {
        let mut t = tunnel(kind, 1 << 16);
        let sent = [&text(b"out"), MARKER_7, RACK_END].concat();
        t.rack.write_all(&sent).await.unwrap();
        assert_eq!(read_rest(&mut t.client).await, sent);
        drop(t.client);
        assert_eq!(t.done.await.unwrap().exit_code, None);
    }
}

/// Notes every write, byte for byte.
struct Recorded {
    inner: DuplexStream,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(buf.to_vec());
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn frames_are_written_whole_and_the_marker_in_a_write_of_its_own() {
    let (client, inner) = duplex(1 << 20);
    let (mut rack, near_rack) = duplex(1 << 20);
    let writes = Arc::new(Mutex::new(Vec::new()));
    let recorded = Recorded { inner, writes: Arc::clone(&writes) };
    let (_stop, done) = start(recorded, near_rack, StreamKind::Command, LONG);
    let gorilla = tokio::spawn(Gorilla::new(client).run());
    let output = text(&vec![b'o'; 65_536]);
    for piece in [&output, MARKER_7, &text(b"ERROR: x\n"), RACK_END].concat().chunks(997) {
        rack.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(gorilla.await.unwrap().exit, Ok(7));
    done.await.unwrap();
    let writes = writes.lock().unwrap();
    assert!(writes[0] == output, "64 KiB in {} bytes", writes[0].len());
    let marker = writes.iter().position(|write| write == MARKER_7).expect("the marker alone");
    assert!(writes[marker - 1].len() == OWN_PING && writes[marker + 1].len() == OWN_PING);
    assert_eq!(writes[marker + 2], [&text(b"ERROR: x\n"), RACK_END].concat());
}
