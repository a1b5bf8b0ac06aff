//! Every way a stream can end, and what the client is told.

use tokio::time::Instant;

use super::gorilla::Gorilla;
use super::*;

fn error(reason: &str) -> Vec<u8> {
    text(format!("ERROR: {reason}\n").as_bytes())
}

#[tokio::test]
async fn after_the_racks_end_both_sides_close_within_linger() {
    let mut t = tunnel_with(StreamKind::Output, 4096, SHORT);
    t.rack.write_all(RACK_END).await.unwrap();
    assert_eq!(read_exactly(&mut t.client, 2).await, RACK_END);
    t.client.write_all(CLIENT_PING).await.unwrap();
    let started = Instant::now();
    let report = t.done.await.unwrap();
    assert!(started.elapsed() >= SHORT.linger / 2 && started.elapsed() < SOON);
    assert_eq!(report.ended_by, EndedBy::Rack);
    assert_eq!(read_rest(&mut t.rack).await, CLIENT_PING, "and then the rack's side is closed");
    assert!(t.client.write_all(b"x").await.is_err(), "the client's side is closed");
}

#[tokio::test]
async fn a_client_that_hangs_up_after_the_end_ends_the_wait() {
    let t = tunnel(StreamKind::Output, 4096);
    let (mut client, mut rack) = (t.client, t.rack);
    rack.write_all(RACK_END).await.unwrap();
    read_exactly(&mut client, 2).await;
    let started = Instant::now();
    drop(client);
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Rack);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn the_end_of_stdin_does_not_end_the_output() {
    for kind in [StreamKind::Command, StreamKind::Bytes] {
        let mut t = tunnel_with(kind, 4096, SHORT);
        t.client.write_all(CLIENT_END).await.unwrap();
        assert_eq!(read_exactly(&mut t.rack, 6).await, CLIENT_END);
        tokio::time::sleep(SHORT.linger * 2).await;
        let late = [text(b"late"), RACK_END.to_vec()].concat();
        t.rack.write_all(&late).await.unwrap();
        assert_eq!(read_rest(&mut t.client).await, late);
        assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Rack);
    }
}

#[tokio::test]
async fn a_close_is_forwarded_and_answered_before_both_close() {
    let mut t = tunnel(StreamKind::Bytes, 4096);
    let close = client_frame(Opcode::Close, &[3, 232]);
    t.client.write_all(&close).await.unwrap();
    assert_eq!(read_exactly(&mut t.rack, close.len()).await, close);
    let started = Instant::now();
    t.rack.write_all(b"\x88\x02\x03\xE8").await.unwrap();
    assert_eq!(read_rest(&mut t.client).await, b"\x88\x02\x03\xE8");
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Client);
    assert!(started.elapsed() < SOON);
    assert_eq!(read_rest(&mut t.rack).await, b"");
}

#[tokio::test]
async fn an_unanswered_close_ends_after_linger() {
    let mut t = tunnel_with(StreamKind::Output, 4096, SHORT);
    t.client.write_all(&client_frame(Opcode::Close, &[])).await.unwrap();
    let started = Instant::now();
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Client);
    assert!(started.elapsed() >= SHORT.linger / 2 && started.elapsed() < SOON);
}

#[tokio::test]
async fn a_client_that_disappears_closes_the_rack_at_once() {
    for kind in [StreamKind::Command, StreamKind::Output, StreamKind::Bytes] {
        let Tunnel { client, mut rack, done, .. } = tunnel(kind, 4096);
        let started = Instant::now();
        drop(client);
        assert_eq!(read_rest(&mut rack).await, b"");
        assert_eq!(done.await.unwrap().ended_by, EndedBy::Client);
        assert!(started.elapsed() < SOON);
    }
}

#[tokio::test]
async fn a_client_that_disappears_while_output_is_stuck_is_noticed() {
    let Tunnel { client, mut rack, done, .. } = tunnel(StreamKind::Output, 10);
    rack.write_all(&text(b"more")).await.unwrap();
    let flood = tokio::spawn(async move { rack.write_all(&text(&[b'x'; 60_000])).await });
    drop(client);
    assert_eq!(done.await.unwrap().ended_by, EndedBy::Client);
    assert!(flood.await.unwrap().is_err());
}

#[tokio::test]
async fn a_cut_command_exits_1_and_says_why() {
    for partial in [&b""[..], b"\x81", b"\x81\x7e\x10\x00half a frame", &MARKER_7[..30]] {
        let Tunnel { client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 16);
        let gorilla = tokio::spawn(Gorilla::new(client).run());
        rack.write_all(&[&text(&[b'o'; 4060]), partial].concat()).await.unwrap();
        drop(rack);
        let outcome = gorilla.await.unwrap();
        assert_eq!(outcome.exit, Ok(1), "{partial:x?}");
        assert_eq!(outcome.output, [&[b'o'; 4060][..], b"ERROR: connection to the rack was lost\n"].concat());
        let report = done.await.unwrap();
        assert_eq!(report.ended_by, EndedBy::Failed(RelayError::RackLost));
        assert_eq!((report.exit_code, report.rack_to_client), (None, 4064));
    }
}

#[tokio::test]
async fn a_cut_inside_a_fragmented_message_ends_the_message_first() {
    let Tunnel { mut client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 16);
    rack.write_all(b"\x01\x04frag\x00\x03mid").await.unwrap();
    assert_eq!(read_exactly(&mut client, 11).await, b"\x01\x04frag\x00\x03mid");
    drop(rack);
    assert_eq!(read_exactly(&mut client, 2).await, b"\x80\x00");
    answer_ping(&mut client).await;
    assert_eq!(read_exactly(&mut client, 41).await, MARKER_1);
    answer_ping(&mut client).await;
    let rest = [error("connection to the rack was lost"), RACK_END.to_vec()].concat();
    assert_eq!(read_rest(&mut client).await, rest);
    drop(client);
    done.await.unwrap();
}

#[tokio::test]
async fn a_cut_inside_a_long_frame_can_only_hang_up() {
    let Tunnel { mut client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 20);
    let frame = text(&vec![b'x'; 100_000]);
    rack.write_all(&frame[..90_000]).await.unwrap();
    drop(rack);
    assert!(read_rest(&mut client).await == frame[..90_000]);
    assert_eq!(done.await.unwrap().ended_by, EndedBy::Failed(RelayError::RackLost));
}

#[tokio::test]
async fn a_cut_after_the_marker_keeps_the_true_code() {
    let Tunnel { client, mut rack, done, .. } = tunnel(StreamKind::Command, 1 << 16);
    let gorilla = tokio::spawn(Gorilla::new(client).run());
    rack.write_all(&[&text(b"out"), MARKER_7].concat()).await.unwrap();
    drop(rack);
    let outcome = gorilla.await.unwrap();
    assert_eq!((outcome.exit, outcome.output), (Ok(7), b"out".to_vec()));
    let report = done.await.unwrap();
    assert_eq!((report.exit_code, report.ended_by), (Some(7), EndedBy::Rack));
}

#[tokio::test]
async fn cut_logs_say_so_and_cut_byte_streams_just_close() {
    let mut t = tunnel(StreamKind::Output, 4096);
    t.rack.write_all(&text(b"line\n")).await.unwrap();
    drop(t.rack);
    let expected = [text(b"line\n"), error("connection to the rack was lost"), RACK_END.to_vec()].concat();
    assert_eq!(read_rest(&mut t.client).await, expected);

    let mut t = tunnel(StreamKind::Bytes, 4096);
    t.rack.write_all(&text(b"data")).await.unwrap();
    drop(t.rack);
    assert_eq!(read_rest(&mut t.client).await, text(b"data"));
    drop(t.client);
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Rack);
}

#[tokio::test]
async fn input_to_a_dead_rack_does_not_hide_its_last_words() {
    let (client, near_client) = duplex(1 << 16);
    let (mut rack, near_rack) = duplex(1 << 16);
    rack.write_all(&[&text(b"bye"), MARKER_7, RACK_END].concat()).await.unwrap();
    drop(rack);
    let (mut reading, mut writing) = tokio::io::split(client);
    writing.write_all(&client_frame(Opcode::Text, b"nobody reads this")).await.unwrap();
    let (_stop, done) = start(near_client, near_rack, StreamKind::Command, LONG);
    let joined = tokio::io::join(&mut reading, &mut writing);
    let outcome = Gorilla::new(joined).run().await;
    assert_eq!((outcome.exit, outcome.output), (Ok(7), b"bye".to_vec()));
    drop((reading, writing));
    assert_eq!(done.await.unwrap().exit_code, Some(7));
}

#[tokio::test]
async fn a_stopped_command_exits_1_with_the_reason_and_leaves_the_rack() {
    let mut t = tunnel(StreamKind::Command, 1 << 16);
    t.rack.write_all(&text(&[b'o'; 4060])).await.unwrap();
    let mut seen = vec![0; 4064];
    t.client.read_exact(&mut seen).await.unwrap();
    t.stop("your access was revoked");
    let outcome = Gorilla::new(t.client).run().await;
    assert_eq!(outcome.exit, Ok(1));
    assert_eq!(outcome.output, b"ERROR: your access was revoked\n");
    assert_eq!(read_rest(&mut t.rack).await, b"");
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Gateway("your access was revoked".into()));
}

#[tokio::test]
async fn a_stopped_log_shows_the_reason_and_a_stopped_byte_stream_closes() {
    let mut t = tunnel(StreamKind::Output, 4096);
    t.stop("going away");
    assert_eq!(read_rest(&mut t.client).await, [error("going away"), RACK_END.to_vec()].concat());

    let mut t = tunnel(StreamKind::Bytes, 4096);
    t.stop("going away");
    assert_eq!(read_rest(&mut t.client).await, b"");
}

#[tokio::test]
async fn a_stop_inside_a_long_frame_waits_for_its_end() {
    let mut t = tunnel(StreamKind::Output, 1 << 20);
    let frame = text(&vec![b'x'; 100_000]);
    t.rack.write_all(&frame[..90_000]).await.unwrap();
    assert!(read_exactly(&mut t.client, 90_000).await == frame[..90_000]);
    t.stop("drain");
    tokio::task::yield_now().await;
    t.rack.write_all(&[&frame[90_000..], &text(b"never seen")].concat()).await.unwrap();
    let expected = [&frame[90_000..], &error("drain"), RACK_END].concat();
    assert!(read_rest(&mut t.client).await == expected);
}

#[tokio::test]
async fn a_stop_inside_a_long_frame_that_never_ends_hangs_up() {
    let mut t = tunnel_with(StreamKind::Output, 1 << 20, SHORT);
    t.rack.write_all(&text(&vec![b'x'; 100_000])[..90_000]).await.unwrap();
    read_exactly(&mut t.client, 90_000).await;
    t.stop("drain");
    assert_eq!(read_rest(&mut t.client).await, b"");
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Gateway("drain".into()));
}

#[tokio::test]
async fn a_stop_is_bounded_for_a_client_that_does_not_read() {
    let mut t = tunnel_with(StreamKind::Command, 8, SHORT);
    t.stop("drain");
    let started = Instant::now();
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Gateway("drain".into()));
    assert!(started.elapsed() <= SOON);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_the_stream_and_pings_are_life() {
    let limits = RelayLimits { idle: Duration::from_millis(1500), ..LONG };
    let mut t = tunnel_with(StreamKind::Command, 4096, limits);
    let started = Instant::now();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        t.client.write_all(CLIENT_PING).await.unwrap();
        assert_eq!(read_exactly(&mut t.rack, 6).await, CLIENT_PING);
    }
    assert_eq!(read_exactly(&mut t.client, 41).await, MARKER_1);
    assert!(started.elapsed() >= Duration::from_millis(3500), "the last ping is 2000 ms in");
    answer_ping(&mut t.client).await;
    let rest = [error("the stream was idle for 1 s"), RACK_END.to_vec()].concat();
    assert_eq!(read_rest(&mut t.client).await, rest);
    drop(t.client);
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Idle);
}

#[tokio::test]
async fn the_longest_limits_are_only_long() {
    let limits = RelayLimits { idle: Duration::MAX, linger: Duration::MAX, marker_wait: Duration::MAX };
    let mut t = tunnel_with(StreamKind::Output, 4096, limits);
    t.rack.write_all(RACK_END).await.unwrap();
    read_exactly(&mut t.client, 2).await;
    drop(t.client);
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Rack);
}
