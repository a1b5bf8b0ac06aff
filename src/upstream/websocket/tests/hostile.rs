//! Peers that break the protocol end the tunnel with close 1002, without a panic and without their bytes passing.

use proptest::prelude::*;

use super::*;

const CLOSE_1002: &[u8] = b"\x88\x02\x03\xEA";

#[tokio::test]
async fn a_misbehaving_client_is_closed_with_1002() {
    let cases: [(&[u8], FrameError); 6] = [
        (b"\x81\x01a", FrameError::NotMasked),
        (b"\xC1\x80\0\0\0\0", FrameError::ReservedBits),
        (b"\x83\x80\0\0\0\0", FrameError::ReservedOpcode(3)),
        (b"\x89\xFE\x01\0\0\0\0\0", FrameError::BadControl),
        (b"\x82\xFF\xFF\0\0\0\0\0\0\0\0\0\0\0", FrameError::BadLength),
        (b"\x80\x80\0\0\0\0", FrameError::OutOfSequence),
    ];
    for (bytes, error) in cases {
        let mut t = tunnel(StreamKind::Command, 4096);
        let good = client_frame(Opcode::Text, b"ls\n");
        t.client.write_all(&[&good, bytes].concat()).await.unwrap();
        assert_eq!(read_rest(&mut t.client).await, CLOSE_1002, "{error}");
        assert_eq!(read_rest(&mut t.rack).await, good, "{error}");
        drop(t.client);
        let expected = RelayError::Protocol { from: Peer::Client, error };
        assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Failed(expected));
    }
}

#[tokio::test]
async fn a_misbehaving_rack_makes_a_command_fail_visibly() {
    let mut t = tunnel(StreamKind::Command, 4096);
    t.rack.write_all(b"\x81\x81\0\0\0\0a").await.unwrap();
    assert_eq!(read_exactly(&mut t.client, 41).await, MARKER_1);
    answer_ping(&mut t.client).await;
    let reason = text(b"ERROR: the rack broke the websocket protocol: a rack frame is masked\n");
    assert_eq!(read_rest(&mut t.client).await, [&reason, CLOSE_1002].concat());
    drop(t.client);
    let expected = RelayError::Protocol { from: Peer::Rack, error: FrameError::Masked };
    assert_eq!(t.done.await.unwrap().ended_by, EndedBy::Failed(expected));
}

#[tokio::test]
async fn endless_garbage_after_the_refusal_is_read_for_linger_only() {
    let mut t = tunnel_with(StreamKind::Bytes, 4096, SHORT);
    let flood = tokio::spawn(async move { while t.client.write_all(&[0xFF; 4096]).await.is_ok() {} });
    let ended_by = t.done.await.unwrap().ended_by;
    assert!(matches!(ended_by, EndedBy::Failed(RelayError::Protocol { from: Peer::Client, .. })));
    flood.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_bytes_from_both_sides_never_panic(
        up in proptest::collection::vec(any::<u8>(), 0..300),
        down in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let limits = RelayLimits { linger: Duration::from_millis(2), marker_wait: Duration::from_millis(2), ..LONG };
            let mut t = tunnel_with(StreamKind::Command, 64, limits);
            let (mut reading, mut writing) = tokio::io::split(t.client);
            tokio::spawn(async move { writing.write_all(&up).await });
            tokio::spawn(async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await });
            let _ = t.rack.write_all(&down).await;
            drop(t.rack);
            t.done.await.unwrap();
        });
    }
}
