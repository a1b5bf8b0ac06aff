//! What every answer carries, whichever room it comes from.

use crate::core::RequestId;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};

/// How the client reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

impl Transport {
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

/// Headers that are added at most.
const ADDED: usize = 6;

/// Adds the request id and the headers that keep a browser from doing anything with an answer but show it. A
/// header that the upstream has set stays.
pub fn finish(headers: &mut HeaderMap, request_id: RequestId, transport: Transport) {
    headers.reserve(ADDED);
    request_id.mark(headers);
    let defaults: [(HeaderName, &'static str); 4] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if transport == Transport::Tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
}
