//! Telling a stock client that its websocket is refused.
//!
//! The client shows nothing of a refused handshake but "bad handshake". For streams that end with an exit code
//! (`exec`, `run`, a shell) the handshake is therefore accepted and the refusal sent in band, as a rack tells
//! of a failed command: exit code 1, the reason, the end. Other streams would exit 0 that way, so they are
//! refused in the handshake, which exits 1.

use super::{
    Body, Refusal,
    classify::convox::{Reply, Route, StreamKind},
    tunnel::{client_upgrade, switching},
};
use crate::{
    audit::Scope,
    core::drain::TunnelGuard,
    upstream::websocket::{self, accept_key},
};
use http::{
    HeaderMap, HeaderValue, Response,
    header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY},
    request::Parts,
};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::time::timeout;

/// How this caller would learn of a refusal.
pub(super) enum Way {
    Status,
    InBand { accept: HeaderValue },
}

impl Way {
    pub fn of(head: &Parts, route: Option<&'static Route>) -> Self {
        let Some(Reply::Socket(StreamKind::Exec | StreamKind::Shell)) = route.map(|route| route.reply) else {
            return Self::Status;
        };
        let key = head.headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
        match key.and_then(|key| HeaderValue::from_str(&accept_key(key)).ok()) {
            Some(accept) => Self::InBand { accept },
            None => Self::Status,
        }
    }
}

/// How long a client may take to read why it was refused.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn in_band(
    refusal: &Refusal,
    accept: HeaderValue,
    mut scope: Scope,
    head: &mut Parts,
    guard: TunnelGuard,
) -> Response<Body> {
    let reason = refusal.to_string();
    let upgrade = client_upgrade(head);
    scope.answered(refusal.status());
    scope.close();
    tokio::spawn(async move {
        if let Ok(Ok(client)) = timeout(PATIENCE, upgrade).await {
            websocket::refuse(TokioIo::new(client), websocket::StreamKind::Command, &reason, PATIENCE).await;
        }
        drop(guard);
    });
    switching(HeaderMap::from_iter([(SEC_WEBSOCKET_ACCEPT, accept)]))
}
