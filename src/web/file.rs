//! One file of the console with its smaller encodings, and the answer that carries it.

use super::negotiate::{accepts, has_already};
use crate::gateway::Body;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY},
};
use sha2::{Digest as _, Sha256};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// The name changes with the content.
    Forever,
    /// Asked for again each time, and then mostly answered 304.
    Revalidate,
    /// The page that names the others.
    Never,
}

impl Caching {
    const fn header(self) -> &'static str {
        match self {
            Self::Forever => "public, max-age=31536000, immutable",
            Self::Revalidate => "public, no-cache",
            Self::Never => "no-store",
        }
    }
}

#[derive(Clone, Debug)]
pub struct File {
    content_type: HeaderValue,
    caching: Caching,
    plain: Bytes,
    tag: String,
    /// In the order of preference.
    encoded: Vec<(&'static str, Bytes)>,
}

impl File {
    pub fn new(path: &str, plain: Bytes, caching: Caching) -> Self {
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(&plain).get(..16).unwrap_or_default()));
        Self { content_type: content_type(path), caching, plain, tag, encoded: Vec::new() }
    }

    pub fn with_encoding(mut self, coding: &'static str, bytes: Bytes) -> Self {
        self.encoded.push((coding, bytes));
        self
    }

    pub fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let known = self.caching != Caching::Never && has_already(asked, &self.tag);
        let chosen = self.encoded.iter().find(|(coding, _)| accepts(asked, coding));
        let mut response = match (known, chosen) {
            (true, _) => status(StatusCode::NOT_MODIFIED),
            (false, Some((_, bytes))) => Response::new(Body::whole(bytes.clone())),
            (false, None) => Response::new(Body::whole(self.plain.clone())),
        };
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value| drop(headers.insert(name, value));
        set(CACHE_CONTROL, HeaderValue::from_static(self.caching.header()));
        if let (true, Ok(tag)) = (self.caching != Caching::Never, HeaderValue::from_str(&self.tag)) {
            set(ETAG, tag);
        }
        if !self.encoded.is_empty() {
            set(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if !known {
            set(CONTENT_TYPE, self.content_type.clone());
            if let Some((coding, _)) = chosen {
                set(CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
        }
        response
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

fn content_type(path: &str) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let text = match (guess.type_().as_str(), guess.subtype().as_str()) {
        ("text", _) | (_, "javascript" | "json") => format!("{guess}; charset=utf-8"),
        _ => guess.to_string(),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    fn asked(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn script(caching: Caching) -> File {
        File::new("assets/a.js", Bytes::from_static(b"plain"), caching)
            .with_encoding("br", Bytes::from_static(b"b"))
            .with_encoding("gzip", Bytes::from_static(b"g"))
    }

    #[test]
    fn the_smallest_that_is_accepted() {
        let file = script(Caching::Forever);
        for (accept, coding) in [("gzip, br", Some("br")), ("gzip", Some("gzip")), ("identity", None)] {
            let response = file.answer(&asked(ACCEPT_ENCODING, accept));
            let said = response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(said, coding, "{accept}");
            assert_eq!(response.headers()[VARY], "Accept-Encoding");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let tag = script(Caching::Forever).answer(&HeaderMap::new()).headers()[ETAG].clone();
        let again = asked(IF_NONE_MATCH, tag.to_str().unwrap());
        let response = script(Caching::Forever).answer(&again);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(!response.headers().contains_key(CONTENT_TYPE));
        assert_eq!(response.headers()[ETAG], tag);
        assert_eq!(script(Caching::Never).answer(&again).status(), StatusCode::OK);
    }

    #[test]
    fn types_by_name() {
        for (path, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("assets/a.css", "text/css; charset=utf-8"),
            ("assets/a.woff2", "font/woff2"),
            ("icon.svg", "image/svg+xml"),
            ("favicon.ico", "image/x-icon"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path), expected, "{path}");
        }
    }
}
