//! Bodies that are short enough to be read whole.

use super::{
    backend::{Body, BoxError},
    error::{ErrorCode, Problem, Result},
    model::{MAX_MANIFEST_BYTES, too_large},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

#[derive(Debug)]
pub enum Unread {
    TooLong,
    Broken(BoxError),
}

pub async fn read(mut body: Body, limit: usize) -> std::result::Result<Bytes, Unread> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let piece = frame.map_err(Unread::Broken)?.into_data().unwrap_or_default();
        if whole.len() + piece.len() > limit {
            return Err(Unread::TooLong);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

pub async fn read_manifest(body: Body) -> Result<Bytes> {
    read(body, MAX_MANIFEST_BYTES).await.map_err(|unread| match unread {
        Unread::TooLong => too_large(),
        Unread::Broken(_) => {
            Problem::new(ErrorCode::ManifestInvalid, "the manifest broke off before its end")
        }
    })
}
