//! How the registry behind is reached: at its address, or at one of the instances of a service that the directory knows.

use super::failure::Failure;
use crate::{
    directory::Reached,
    registry::backend::{Body, BoxError},
    upstream::{OutgoingBody, OwnService},
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, BodyStream};
use std::fmt;
use url::{Position, Url};

pub(super) const USER_AGENT: &str = concat!("rack-gateway/", env!("CARGO_PKG_VERSION"));

pub(super) enum Way {
    Address {
        /// For the registry behind, with the trust that was configured for it.
        own: reqwest::Client,
        /// For whatever it redirects to, with the trust of the system.
        other: reqwest::Client,
    },
    Service(Box<OwnService>),
}

/// Whom a request is for.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    Itself,
    /// Where it redirected to, and which instance did, if it has any.
    Elsewhere(Option<&'a Reached>),
}

/// One request, whole but for its body.
pub(super) struct Sent {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Body>,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address { .. } => "Address",
            Self::Service(_) => "Service",
        })
    }
}

impl Way {
    /// Returns with the head of the answer, however long that takes.
    pub async fn send(&self, to: To<'_>, mut sent: Sent) -> Result<Response<Body>, Failure> {
        if sent.body.is_none() && matches!(sent.method, Method::POST | Method::PUT | Method::PATCH) {
            sent.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        match (self, to) {
            (Self::Address { own, .. }, To::Itself) => by_address(own, sent).await,
            (Self::Address { other, .. }, To::Elsewhere(_)) => by_address(other, sent).await,
            (Self::Service(service), to) => Box::pin(by_service(service, to, sent)).await,
        }
    }

    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }
}

async fn by_address(client: &reqwest::Client, sent: Sent) -> Result<Response<Body>, Failure> {
    let mut request = client.request(sent.method, sent.url).headers(sent.headers);
    if let Some(body) = sent.body {
        let pieces = BodyStream::new(body)
            .filter_map(|frame| async { frame.map(|frame| frame.into_data().ok()).transpose() });
        request = request.body(reqwest::Body::wrap_stream(pieces));
    }
    let answer = Response::from(request.send().await.map_err(Failure::of)?);
    Ok(answer.map(|body: reqwest::Body| body.map_err(BoxError::from).boxed_unsync()))
}

async fn by_service(service: &OwnService, to: To<'_>, sent: Sent) -> Result<Response<Body>, Failure> {
    let Sent { method, url, headers, body } = sent;
    let unknown = |_| Failure::Strange("an address that cannot be asked");
    let path: Uri = url[Position::BeforePath..Position::AfterQuery].parse().map_err(unknown)?;
    let mut request = Request::new(body.map_or(OutgoingBody::Empty, OutgoingBody::Checked));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, path, headers);
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let answer = match to {
        To::Itself => service.send(request).await,
        To::Elsewhere(Some(by)) => service.fetch(&url, by, request).await,
        To::Elsewhere(None) => return Err(Failure::Strange("a redirect of nobody")),
    };
    Ok(answer?.map(|body| body.map_err(BoxError::from).boxed_unsync()))
}
