//! Requests to the registry behind: built from parsed parts, with our credential and nothing of the client's but what
//! the caller put in; answers stream. No request is sent twice, for its body is gone.

use super::{
    failure::Failure,
    login::{Access, Login},
    upload_body::Moved,
    way::{Sent, To, Way},
};
use crate::{
    directory::Reached,
    registry::backend::{Body, BoxError, empty},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
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

/// Redirects in a row.
const HOPS: usize = 5;

pub(super) struct Client {
    /// Scheme, host, port, and a path that does not end with `/`. Of a service, the path is all that counts.
    pub base: Url,
    pub login: Login,
    pub way: Way,
    pub redirects: Redirects,
    /// How long it may be silent.
    pub silence: Duration,
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
        let (body, moved) = body.unzip();
        let sent = Sent { method, url, headers, body };
        let answer = self.send(To::Itself, sent, moved.unwrap_or_default()).await?;
        match answer.status() {
            StatusCode::UNAUTHORIZED => Err(Failure::NotLetIn),
            _ => Ok(answer),
        }
    }

    /// Fetches what the answer `redirect` redirects to, with no credential at all.
    pub async fn follow(
        &self,
        method: &Method,
        headers: &HeaderMap,
        redirect: Response<Body>,
    ) -> Result<Response<Body>, Failure> {
        let (redirect, _) = redirect.into_parts();
        let by = redirect.extensions.get::<Reached>();
        let of_instance = by.and_then(|by| by.address.to_string().parse().ok());
        let first = redirect.headers.get(header::LOCATION);
        let first = first.ok_or(Failure::Strange("a redirect that leads nowhere"))?;
        let mut url = elsewhere(of_instance.as_ref().unwrap_or(&self.base), first)?;
        for _ in 0..HOPS {
            let is_own = by.is_none() && url.origin() == self.base.origin();
            let to = if is_own { To::Itself } else { To::Elsewhere(by) };
            let (method, headers) = (method.clone(), headers.clone());
            let sent = Sent { method, url: url.clone(), headers, body: None };
            let answer = self.send(to, sent, Moved::default()).await?;
            match answer.headers().get(header::LOCATION) {
                Some(next) if answer.status().is_redirection() => url = elsewhere(&url, next)?,
                _ => return Ok(answer),
            }
        }
        Err(Failure::Strange("redirects without an end"))
    }

    async fn send(&self, to: To<'_>, sent: Sent, moved: Moved) -> Result<Response<Body>, Failure> {
        let is_head = sent.method == Method::HEAD;
        let mut sending = pin!(self.way.send(to, sent));
        let mut seen = moved.bytes();
        // An upload that still moves is not silence.
        let answer = loop {
            match timeout(self.silence, &mut sending).await {
                Ok(answer) => break answer?,
                Err(_) if moved.bytes() == seen => return Err(Failure::Silent(self.silence)),
                Err(_) => seen = moved.bytes(),
            }
        };
        Ok(answer.map(|body| if is_head { empty() } else { self.heard(body) }))
    }

    /// A body that breaks off when nothing comes for too long.
    fn heard(&self, body: Body) -> Body {
        let silence = self.silence;
        let frames = futures_util::stream::try_unfold(body, move |mut body| async move {
            match timeout(silence, body.frame()).await {
                Ok(None) => Ok(None),
                Ok(Some(frame)) => Ok(Some((frame?, body))),
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
        // What an instance of a service calls itself has nothing to do with the service's path.
        let is_own = !self.way.is_service() && url.origin() == self.base.origin();
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
        let way = Way::Address { own: reqwest::Client::new(), other: reqwest::Client::new() };
        let (base, silence) = (Url::parse(base).unwrap(), Duration::from_secs(1));
        Client { base, login: Login::None, way, redirects: Redirects::Follow, silence }
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
