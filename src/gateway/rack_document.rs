//! Documents of a rack that must be read whole before anything is done with them.

use super::Refusal;
use crate::upstream::{RackBody, Silence, UpstreamError};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};

use tokio::time::timeout;

/// Longest document that is read; a list of releases with their manifests stays far below.
const LIMIT: usize = 16 * 1024 * 1024;

/// The whole of an answer's body, which must be here within the time that the rack may be silent.
pub(super) async fn read(body: RackBody, silence: Silence) -> Result<Bytes, Refusal> {
    let Silence(limit) = silence;
    let Ok(collected) = timeout(limit, Limited::new(body, LIMIT).collect()).await else {
        return Err(UpstreamError::TimedOut(limit).into());
    };
    Ok(collected.map_err(|_| Refusal::RackAnswer)?.to_bytes())
}
