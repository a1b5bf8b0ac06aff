//! What the gateway says itself on a stream: a refusal after the handshake, a farewell before it must hang up.
//!
//! The stock client shows the reason of these frames, while a refused handshake only says "bad handshake".

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, sink};
use tokio::time::timeout;

use super::StreamKind;
use super::frame::{Opcode, end_of_stream, server_frame};
use super::marker::marker_frame;

/// The frames that refuse a stream, to be sent after the 101. A command exits 1 and shows `ERROR: <reason>`; a
/// log shows it; a byte stream just ends, since text would be taken for data.
pub fn refusal_frames(kind: StreamKind, reason: &str) -> Vec<u8> {
    let mut frames = complaint(kind, reason);
    frames.extend(end_of_stream());
    frames
}

/// The same without the end of the stream. Empty for byte streams.
pub fn complaint(kind: StreamKind, reason: &str) -> Vec<u8> {
    match kind {
        StreamKind::Command => [marker_frame(1), error_text(reason)].concat(),
        StreamKind::Output => error_text(reason),
        StreamKind::Bytes => Vec::new(),
    }
}

/// Sends [`refusal_frames`] and closes, waiting at most `linger` for the client to hang up first: closing on
/// unread input would reset the connection and could take the reason with it.
pub async fn refuse<C>(mut client: C, kind: StreamKind, reason: &str, linger: Duration)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        client.write_all(&refusal_frames(kind, reason)).await?;
        client.shutdown().await?;
        let mut client = client.take(MOST_IGNORED);
        tokio::io::copy(&mut client, &mut sink()).await
    };
    // Nobody is left to tell when the client is gone already or does not listen.
    let _ = timeout(linger, farewell).await;
}

/// Input of a refused client that is read and thrown away.
const MOST_IGNORED: u64 = 1024 * 1024;

/// `ERROR: <reason>\n`, the reason kept to one line.
fn error_text(reason: &str) -> Vec<u8> {
    let line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    server_frame(Opcode::Text, format!("ERROR: {line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[test]
    fn a_refused_command_exits_1_and_shows_the_reason() {
        let frames = refusal_frames(StreamKind::Command, "not allowed");
        let expected =
            b"\x81\x27F1E49A85-0AD7-4AEF-A618-C249C6E6568D:1\n\x81\x13ERROR: not allowed\n\x82\x00";
        assert_eq!(frames, expected);
    }

    #[test]
    fn logs_show_the_reason_and_byte_streams_only_end() {
        assert_eq!(refusal_frames(StreamKind::Output, "no"), b"\x81\x0aERROR: no\n\x82\x00");
        assert_eq!(refusal_frames(StreamKind::Bytes, "no"), b"\x82\x00");
    }

    #[test]
    fn a_reason_stays_on_one_line() {
        assert_eq!(refusal_frames(StreamKind::Output, "a\nb\x1b"), b"\x81\x0cERROR: a b \n\x82\x00");
    }

    #[tokio::test]
    async fn refusing_waits_for_the_client_but_not_for_ever() {
        let (mut client, gateway) = duplex(4096);
        client.write_all(b"\x82\x80\0\0\0\0").await.unwrap();
        let refusal = tokio::spawn(refuse(gateway, StreamKind::Command, "no", Duration::from_millis(300)));
        let mut seen = Vec::new();
        client.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, refusal_frames(StreamKind::Command, "no"));
        assert!(!refusal.is_finished());
        refusal.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_left_ends_the_refusal() {
        let (client, gateway) = duplex(4096);
        drop(client);
        refuse(gateway, StreamKind::Output, "no", Duration::from_secs(60)).await;
    }
}
