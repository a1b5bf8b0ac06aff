//! What one side sends, the other receives: the same bytes, in the same frames.

use proptest::prelude::*;

use super::super::frame::Header;
use super::*;

/// A frame of a valid conversation.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame =
        if masked { client_frame(Opcode::Binary, payload) } else { server_frame(Opcode::Binary, payload) };
    frame[0] = first;
    frame
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..130usize, 2 => 130..5000usize, 1 => 65_530..65_545usize, 1 => Just(150_000)]
}

/// One message in one or more fragments, control frames in between. Never an end of stream, never a close.
fn message(masked: bool) -> impl Strategy<Value = Vec<u8>> {
    let parts = proptest::collection::vec((sizes(), any::<u8>(), 0..4u8), 1..4);
    (parts, 1..3u8).prop_map(move |(parts, opcode)| {
        let last = parts.len() - 1;
        let mut bytes = Vec::new();
        for (at, (size, fill, control)) in parts.into_iter().enumerate() {
            let first = if at == 0 { opcode } else { 0 } | if at == last { 0x80 } else { 0 };
            let size = if first == 0x82 { size.max(1) } else { size };
            bytes.extend(frame(first, &vec![fill; size], masked));
            match control {
                0 => bytes.extend(frame(0x89, &[fill; 5], masked)),
                1 => bytes.extend(frame(0x8A, &[fill; 125], masked)),
                _ => {}
            }
        }
        bytes
    })
}

fn conversation(masked: bool) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(message(masked), 0..6).prop_map(|messages| messages.concat())
}

/// Sends both ways at once in pieces of `piece` bytes; gives back what each side received.
async fn exchange(
    kind: StreamKind,
    buffer: usize,
    piece: usize,
    up: &[u8],
    down: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let t = tunnel(kind, buffer);
    let (mut from_rack, to_client) = tokio::io::split(t.client);
    let (mut from_client, to_rack) = tokio::io::split(t.rack);
    let (up, down) = (up.to_vec(), down.to_vec());
    let (sent_up, sent_down) = (up.len(), down.len());
    let upwards = tokio::spawn(send(to_client, up, piece));
    let downwards = tokio::spawn(send(to_rack, down, piece));
    let (at_rack, at_client) =
        tokio::join!(read_exactly(&mut from_client, sent_up), read_exactly(&mut from_rack, sent_down));
    let mut to_rack = downwards.await.unwrap();
    to_rack.write_all(RACK_END).await.unwrap();
    assert_eq!(read_rest(&mut from_rack).await, RACK_END);
    drop((from_rack, upwards.await.unwrap()));
    let report = t.done.await.unwrap();
    assert_eq!(report.client_to_rack, sent_up as u64);
    assert_eq!(report.rack_to_client, sent_down as u64 + 2);
    (at_rack, at_client)
}

async fn send<W: AsyncWrite + Unpin>(mut writer: W, bytes: Vec<u8>, piece: usize) -> W {
    for piece in bytes.chunks(piece) {
        writer.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    writer
}

#[tokio::test]
async fn bytes_that_are_not_utf8_pass_in_text_frames() {
    let payload: Vec<u8> = (0..=255).collect();
    let (up, down) = (client_frame(Opcode::Text, &payload), text(&payload));
    for buffer in [1, 7, 4096] {
        let (at_rack, at_client) = exchange(StreamKind::Command, buffer, 3, &up, &down).await;
        assert_eq!((&at_rack, &at_client), (&up, &down));
    }
}

#[tokio::test]
async fn the_racks_split_64_kib_write_passes_as_it_is() {
    let down = [frame(0x01, &vec![0xC3; 65_536], false), vec![0x80, 0]].concat();
    for buffer in [7, 4096, 1 << 20] {
        let (_, at_client) = exchange(StreamKind::Command, buffer, 10_000, &[], &down).await;
        assert!(at_client == down);
    }
}

#[tokio::test]
async fn a_huge_frame_streams_through_before_it_is_complete() {
    let mut t = tunnel(StreamKind::Bytes, 4096);
    let frame = text(&vec![0x80; 8 << 20]);
    let (head, tail) = frame.split_at(4 << 20);
    let (tail, mut rack) = (tail.to_vec(), t.rack);
    let sending = tokio::spawn({
        let head = head.to_vec();
        async move { rack.write_all(&head).await.map(|()| rack) }
    });
    assert!(read_exactly(&mut t.client, head.len()).await == head);
    let mut rack = sending.await.unwrap().unwrap();
    let sending =
        tokio::spawn(async move { rack.write_all(&[&tail, RACK_END].concat()).await.map(|()| rack) });
    let rest = read_rest(&mut t.client).await;
    assert!(rest == [&frame[4 << 20..], RACK_END].concat());
    drop((sending.await.unwrap(), t.client));
    assert_eq!(t.done.await.unwrap().rack_to_client, frame.len() as u64 + 2);
}

#[tokio::test]
async fn a_side_that_does_not_read_slows_the_other_down() {
    let Tunnel { client, mut rack, done: _done, stop: _stop } = tunnel(StreamKind::Bytes, 1024);
    let mut taken = 0;
    let line = text(&[b'x'; 1000]);
    while tokio::time::timeout(Duration::from_millis(50), rack.write_all(&line)).await.is_ok() {
        taken += line.len();
        assert!(taken < 100_000, "the relay keeps on reading what it cannot write");
    }
    drop(client);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_conversation_arrives_unchanged(
        up in conversation(true),
        down in conversation(false),
        buffer in prop_oneof![1..10usize, Just(4096), Just(1 << 20)],
        piece in prop_oneof![1..10usize, 100..5000usize],
        kind in prop_oneof![Just(StreamKind::Command), Just(StreamKind::Output), Just(StreamKind::Bytes)],
    ) {
        let (buffer, piece) = if up.len() + down.len() > 50_000 { (buffer.max(4096), piece.max(900)) } else { (buffer, piece) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (at_rack, at_client) = runtime.block_on(exchange(kind, buffer, piece, &up, &down));
        prop_assert!(at_rack == up && at_client == down);
    }
}

#[test]
fn generated_client_frames_are_valid() {
    let frame = client_frame(Opcode::Text, &[7; 300]);
    let header = Header::parse(&frame, Peer::Client).unwrap().unwrap();
    assert_eq!((header.payload_len, header.frame_len()), (300, frame.len() as u64));
}
