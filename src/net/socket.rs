//! A TCP socket that sends little with `send` where a list of pieces would go with `writev`.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Pieces that are no longer than this together are copied into one: that costs less than `writev` costs more than
/// `send`.
const LITTLE: usize = 2_048;

#[derive(Debug)]
pub struct Socket(TcpStream);

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self(tcp)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tcp = Pin::new(&mut self.get_mut().0);
        match pieces {
            [one] => tcp.poll_write(cx, one),
            _ if pieces.iter().map(|piece| piece.len()).sum::<usize>() <= LITTLE => {
                let mut room = [0; LITTLE];
                let length = gather(pieces, &mut room);
                tcp.poll_write(cx, room.get(..length).unwrap_or_default())
            }
            _ => tcp.poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// Fills `room` from its start; gives the length of what it holds.
fn gather(pieces: &[IoSlice<'_>], room: &mut [u8]) -> usize {
    let mut length = 0;
    for piece in pieces {
        let Some(place) = room.get_mut(length..).and_then(|rest| rest.get_mut(..piece.len())) else { break };
        place.copy_from_slice(piece);
        length += piece.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// What arrives when all pieces are written, however many calls it takes.
    async fn sent(lengths: &[usize]) -> (Vec<u8>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (mut peer, _) = listener.accept().await.unwrap();
        let pieces: Vec<Vec<u8>> =
            lengths.iter().zip(b'a'..).map(|(length, letter)| vec![letter; *length]).collect();
        let expected = pieces.concat();
        let reading = tokio::spawn(async move {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).await.unwrap();
            got
        });
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            let written = socket.write_vectored(left).await.unwrap();
            IoSlice::advance_slices(&mut left, written);
        }
        drop(socket);
        (reading.await.unwrap(), expected)
    }

    #[tokio::test]
    async fn pieces_arrive_whole_and_in_order() {
        for lengths in
            [&[5][..], &[3, 4, 5], &[LITTLE, 1], &[LITTLE - 1, 1], &[1, 0, 70_000, 2], &[LITTLE + 1]]
        {
            let (got, expected) = sent(lengths).await;
            assert_eq!(got, expected, "{lengths:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left() {
        let mut room = [0; 4];
        assert_eq!(gather(&[IoSlice::new(b"ab"), IoSlice::new(b"cde"), IoSlice::new(b"f")], &mut room), 2);
        assert_eq!(&room, b"ab\0\0");
    }
}
