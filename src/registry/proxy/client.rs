//! Requests to the registry behind: built from parsed parts, with our credential and nothing of the client's but what
//! the caller put in; answers stream. No request is sent twice, for its body is gone.

use super::{
    failure::Failure,
    login::{Access, Login},
    upload_body::Moved,
};
use crate::{
    observe::otel::{self, Peer},
    registry::backend::{Body, BoxError, empty},
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, BodyStream};
use std::{fmt, pin::pin, time::Duration};
use tokio::time::timeout;
use url::Url;

/// What is done when the registry behind sends a download elsewhere, mostly to the store that it keeps blobs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// The gateway fetches it, and the client sees no other address.
    Follow,
    /// The client is sent there.
    Pass,
}

/// In traces.
const NAME: &str = "registry";
/// Redirects in a row.
const HOPS: usize = 5;

pub(super) struct Client {
    /// Scheme, host, port, and a path that does not end with `/`.
    base: Url,
    login: Login,
    /// For the registry behind, with the trust that was configured for it.
    own: reqwest::Client,
    /// For whatever it redirects to, with the trust of the system.
    other: reqwest::Client,
    pub redirects: Redirects,
    /// How long it may be silent.
    silence: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// A request to the registry behind.
pub(super) struct Ask<'a> {
    pub method: Method,
    /// Path and query, beginning with `/v2/`.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Option<(Body, Moved)>,
    pub access: Access<'a>,
}

impl<'a> Ask<'a> {
    pub fn new(method: Method, target: impl Into<String>, access: Access<'a>) -> Self {
        Self { method, target: target.into(), headers: HeaderMap::new(), body: None, access }
    }

    pub fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    pub fn body(mut self, body: Body, moved: Moved) -> Self {
        self.body = Some((body, moved));
        self
    }
}

impl Client {
    pub fn new(
        base: Url,
        login: Login,
        clients: [reqwest::Client; 2],
        redirects: Redirects,
        silence: Duration,
    ) -> Self {
        let [own, other] = clients;
        Self { base, login, own, other, redirects, silence }
    }

    /// Whether the registry behind is there and lets us in.
    pub async fn ping(&self) -> Result<(), Failure> {
        let answer = self.ask(Ask::new(Method::GET, "/v2/", Access::none())).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            status => Err(Failure::Status(status)),
        }
    }

    /// The answer, whatever its status; only a refusal of our credential is a failure at once.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Response<Body>, Failure> {
        let Ask { method, target, mut headers, body, access } = ask;
        let url = format!("{}{target}", self.base.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| Failure::Strange("an address that cannot be asked"))?;
        self.login.sign(&mut headers, &access);
        let answer = self.send(&self.own, method, url, headers, body).await?;
        match answer.status() {
            StatusCode::UNAUTHORIZED => Err(Failure::NotLetIn),
            _ => Ok(answer),
        }
    }

    /// Fetches what an answer redirects to, with no credential at all.
    pub async fn follow(
        &self,
        method: &Method,
        headers: &HeaderMap,
        first: &HeaderValue,
    ) -> Result<Response<Body>, Failure> {
        let mut url = elsewhere(&self.base, first)?;
        for _ in 0..HOPS {
            let client = if url.origin() == self.base.origin() { &self.own } else { &self.other };
            let answer = self.send(client, method.clone(), url.clone(), headers.clone(), None).await?;
            match answer.headers().get(header::LOCATION) {
                Some(next) if answer.status().is_redirection() => url = elsewhere(&url, next)?,
                _ => return Ok(answer),
            }
        }
        Err(Failure::Strange("redirects without an end"))
    }

    async fn send(
        &self,
        client: &reqwest::Client,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        body: Option<(Body, Moved)>,
    ) -> Result<Response<Body>, Failure> {
        // Whoever else it redirects to need not know of our traces.
        let told = (url.origin() == self.base.origin()).then_some(&mut headers);
        let call = otel::outgoing_with(&method, told, || Peer { name: NAME, authority: url.authority() });
        let answer = self.pass(client, method, url, headers, body).await;
        call.ended(answer.as_ref().map(Response::status).map_err(Failure::code));
        answer
    }

    async fn pass(
        &self,
        client: &reqwest::Client,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<(Body, Moved)>,
    ) -> Result<Response<Body>, Failure> {
        let moved = body.as_ref().map(|(_, moved)| moved.clone()).unwrap_or_default();
        let mut request = client.request(method.clone(), url).headers(headers);
        match body {
            Some((body, _)) => {
                let pieces = BodyStream::new(body)
                    .filter_map(|frame| async { frame.map(|frame| frame.into_data().ok()).transpose() });
                request = request.body(reqwest::Body::wrap_stream(pieces));
            }
            None if matches!(method, Method::POST | Method::PUT | Method::PATCH) => {
                request = request.header(header::CONTENT_LENGTH, "0");
            }
            None => {}
        }
        let mut sending = pin!(request.send());
        let mut seen = moved.bytes();
        // An upload that still moves is not silence.
        let answer = loop {
            match timeout(self.silence, &mut sending).await {
                Ok(answer) => break answer.map_err(Failure::of)?,
                Err(_) if moved.bytes() == seen => return Err(Failure::Silent(self.silence)),
                Err(_) => seen = moved.bytes(),
            }
        };
        let is_head = method == Method::HEAD;
        Ok(Response::from(answer).map(|body| if is_head { empty() } else { self.heard(body) }))
    }

    /// A body that breaks off when nothing comes for too long.
    fn heard(&self, body: reqwest::Body) -> Body {
        let silence = self.silence;
        let frames = futures_util::stream::try_unfold(body, move |mut body| async move {
            match timeout(silence, body.frame()).await {
                Ok(None) => Ok(None),
                Ok(Some(frame)) => Ok(Some((frame.map_err(BoxError::from)?, body))),
                Err(_) => Err(BoxError::from("the registry behind was silent")),
            }
        });
        http_body_util::StreamBody::new(Box::pin(frames)).boxed_unsync()
    }

    /// Path and query of a `Location` or `Link`, to be asked of the registry behind, whichever host it names: some
    /// registries give the address by which others know them. `within` is the path that it must then be in.
    pub fn own_place(&self, location: &HeaderValue, within: &str) -> Result<String, Failure> {
        let url = elsewhere(&self.base, location)?;
        let prefix = self.base.path().trim_end_matches('/');
        let is_own = url.origin() == self.base.origin();
        let path = match url.path().strip_prefix(prefix).filter(|path| is_own && path.starts_with('/')) {
            Some(path) => path,
            None => {
                let begin =
                    url.path().find(within).ok_or(Failure::Strange("an upload that goes on elsewhere"))?;
                url.path().get(begin..).unwrap_or_default()
            }
        };
        Ok(url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
    }
}

fn elsewhere(from: &Url, location: &HeaderValue) -> Result<Url, Failure> {
    let text = location.to_str().map_err(|_| Failure::Strange("a Location that is not text"))?;
    let url = from.join(text).map_err(|_| Failure::Strange("a Location that is no address"))?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(Failure::Strange("a Location that is not fetched over HTTP"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: &str) -> Client {
        let clients = [reqwest::Client::new(), reqwest::Client::new()];
        let base = Url::parse(base).unwrap();
        Client::new(base, Login::None, clients, Redirects::Follow, Duration::from_secs(1))
    }

    fn place(base: &str, location: &str) -> Option<String> {
        client(base).own_place(&HeaderValue::from_str(location).unwrap(), "/v2/a/blobs/uploads/").ok()
    }

    #[test]
    fn uploads_go_on_at_the_registry_itself_by_whatever_name_it_calls_itself() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let path = "/v2/a/blobs/uploads/1?_state=x%3D";
        for location in [
            path,
            "http://r:5000/v2/a/blobs/uploads/1?_state=x%3D",
            "https://public/v2/a/blobs/uploads/1?_state=x%3D",
        ] {
            assert_eq!(place("http://r:5000", location).as_deref(), Some(path), "{location}");
        }
        assert_eq!(place("http://r/p/", "/p/other/1?x").as_deref(), Some("/other/1?x"));
        assert_eq!(
            place("http://r/p", "https://public/q/v2/a/blobs/uploads/1").as_deref(),
            Some("/v2/a/blobs/uploads/1")
        );
        for location in [
            "http://evil/v2/b/blobs/uploads/1",
            "//evil/x",
            "file:///v2/a/blobs/uploads/1",
            "http://u:p@r:5000/v2",
        ] {
            assert_eq!(place("http://r:5000", location), None, "{location}");
        }
        assert_eq!(place("http://r/p", "/pq/v2/a"), None);
    }
}
