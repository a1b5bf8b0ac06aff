//! Content on its way to a client, one piece ahead of it.

use crate::registry::backend::{Body, BoxError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use object_store::{GetResult, GetResultPayload};
use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _};
use tokio::task::{JoinHandle, spawn_blocking};

const PIECE: u64 = 256 * 1_024;

pub(super) fn body(result: GetResult) -> Body {
    let range = result.range.clone();
    match result.payload {
        GetResultPayload::File(file, _) => framed(pieces(file, range)),
        GetResultPayload::Stream(stream) => framed(stream.map_err(BoxError::from)),
    }
}

/// The same as a stream of bytes.
pub(super) fn bytes(result: GetResult) -> futures_util::stream::BoxStream<'static, Result<Bytes, BoxError>> {
    let range = result.range.clone();
    match result.payload {
        GetResultPayload::File(file, _) => pieces(file, range).boxed(),
        GetResultPayload::Stream(stream) => stream.map_err(BoxError::from).boxed(),
    }
}

fn framed(stream: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> Body {
    StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync()
}

type Reading = JoinHandle<io::Result<(File, Bytes)>>;

fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
    let first = read(file, &range);
    futures_util::stream::try_unfold((first, range), |(reading, rest)| async move {
        let Some(reading) = reading else { return Ok(None) };
        let (file, piece) = reading.await??;
        let rest = rest.start + piece.len() as u64..rest.end;
        let next = read(file, &rest);
        Ok::<_, BoxError>(Some((piece, (next, rest))))
    })
}

/// Begins to read the next piece, if there is one.
fn read(file: File, rest: &Range<u64>) -> Option<Reading> {
    let start = rest.start;
    let length = rest.end.saturating_sub(start).min(PIECE);
    (length > 0).then(|| {
        spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact_at(&mut piece, start)?;
            Ok((file, Bytes::from(piece)))
        })
    })
}
