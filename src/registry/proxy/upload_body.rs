//! The body of an upload on its way through: counted, and ended in good order when the client breaks off, so that what
//! came of it is kept. Registries that see a body break off may never find their way back into the upload.

use crate::registry::{backend::Body, uploading::data};
use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// How far a body has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bytes: AtomicU64,
    is_cut: AtomicBool,
}

impl Moved {
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Whether the client went away in its middle.
    pub fn is_cut(&self) -> bool {
        self.0.is_cut.load(Relaxed)
    }
}

/// The same bytes, in a body that always ends well.
pub(super) fn orderly(body: Body) -> (Body, Moved) {
    let moved = Moved::default();
    let state = moved.0.clone();
    let frames = data(body).scan((), move |(), piece| {
        let frame = match piece {
            Ok(piece) => {
                state.bytes.fetch_add(piece.len() as u64, Relaxed);
                Some(Ok(Frame::data(piece)))
            }
            Err(_) => {
                state.is_cut.store(true, Relaxed);
                None
            }
        };
        std::future::ready(frame)
    });
    (StreamBody::new(frames).boxed_unsync(), moved)
}
