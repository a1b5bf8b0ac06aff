//! Requests that are refused before anything looks at their meaning, because two readers could read them in two
//! ways. This is the third of three sieves.
//!
//! 1. hyper 1.12 answers 400 by itself to: a last encoding other than `chunked`, any encoding in HTTP/1.0, lengths
//!    that differ or are not plain digits, folded lines, space before a colon, bare CR, NUL, versions other than
//!    1.0 and 1.1; 431 to too many or too long headers; and errs in the body for any malformed chunk.
//! 2. [`super::framing`] reads the raw head for what hyper drops or allows without a trace: a `#fragment`, a length
//!    beside an encoding, a repeated equal length, bare LF.
//! 3. This file reads the parsed request for what hyper allows: `gzip, chunked`, two hosts or none, absolute targets,
//!    `CONNECT`, underscores.
//!
//! `tests/it/smuggling_corpus.rs` holds an example of each.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
};
use http_body_util::Full;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// A sentence for whoever debugs the client; never the client's own bytes.
    pub reason: &'static str,
}

impl Refusal {
    pub const fn bad_request(reason: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason }
    }

    /// `{"error": reason}`, and the connection ends with it.
    pub fn response(self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "error": self.reason }).to_string();
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        response
    }
}

/// What is wrong with the request line or the headers, if anything is.
pub fn refuse<B>(request: &Request<B>) -> Option<Refusal> {
    refuse_method(request.method())
        .or_else(|| refuse_target(request))
        .or_else(|| refuse_host(request.version(), request.headers()))
        .or_else(|| refuse_encoding(request.headers()))
        .or_else(|| refuse_names(request.headers()))
}

fn refuse_method(method: &Method) -> Option<Refusal> {
    let refused = matches!(*method, Method::CONNECT | Method::TRACE);
    refused.then_some(Refusal {
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: "CONNECT and TRACE are not served here",
    })
}

/// `http://other/path` names a second host beside the `Host` header, and `*` names nothing that is served.
fn refuse_target<B>(request: &Request<B>) -> Option<Refusal> {
    let uri = request.uri();
    let origin_form = uri.scheme().is_none() && uri.authority().is_none() && uri.path().starts_with('/');
    (!origin_form).then_some(Refusal::bad_request("the request target must be a path that begins with '/'"))
}

/// HTTP/1.0 may come without: load balancers probe so.
fn refuse_host(version: Version, headers: &HeaderMap) -> Option<Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => None,
        (None, _) => Some(Refusal::bad_request("the Host header is missing")),
        (Some(_), Some(_)) => Some(Refusal::bad_request("the Host header must come once")),
        (Some(host), None) if host.as_bytes().iter().all(is_host_byte) => None,
        (Some(_), None) => {
            Some(Refusal::bad_request("the Host header must be a host name and perhaps a port"))
        }
    }
}

fn is_host_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':' | b'[' | b']')
}

fn refuse_encoding(headers: &HeaderMap) -> Option<Refusal> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => None,
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(Refusal::bad_request("the only Transfer-Encoding is one 'chunked'")),
    }
}

/// Many upstreams fold `X_User` and `X-User` into one variable, so an underscore is a way around header rules.
fn refuse_names(headers: &HeaderMap) -> Option<Refusal> {
    let underscored = headers.keys().any(|name| name.as_str().as_bytes().contains(&b'_'));
    underscored.then_some(Refusal::bad_request("header names must not contain '_'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> Option<u16> {
        refuse(&request.body(()).unwrap()).map(|refusal| refusal.status.as_u16())
    }

    fn get(target: &str) -> http::request::Builder {
        Request::get(target).header(HOST, "a")
    }

    #[test]
    fn methods() {
        for (method, expected) in
            [("GET", None), ("PROPFIND", None), ("CONNECT", Some(405)), ("TRACE", Some(405))]
        {
            assert_eq!(status(get("/").method(method)), expected, "{method}");
        }
    }

    #[test]
    fn targets() {
        for (target, expected) in [
            ("/a?b", None),
            ("http://a/b", Some(400)),
            ("*", Some(400)),
            ("a:80", Some(400)),
            ("//a/b", None),
        ] {
            assert_eq!(status(get(target)), expected, "{target}");
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(status(Request::get("/")), Some(400));
        assert_eq!(status(Request::get("/").version(Version::HTTP_10)), None);
        assert_eq!(status(get("/").header(HOST, "a")), Some(400));
        assert_eq!(status(get("/").header(HOST, "b").version(Version::HTTP_10)), Some(400));
        for (host, expected) in [
            ("gate.example.com:8443", None),
            ("[::1]:80", None),
            ("", None),
            ("a/b", Some(400)),
            ("a@b", Some(400)),
            ("a, b", Some(400)),
        ] {
            assert_eq!(status(Request::get("/").header(HOST, host)), expected, "{host}");
        }
    }

    #[test]
    fn encodings() {
        for (encoding, expected) in
            [("chunked", None), ("Chunked", None), ("gzip, chunked", Some(400)), ("identity", Some(400))]
        {
            assert_eq!(status(get("/").header(TRANSFER_ENCODING, encoding)), expected, "{encoding}");
        }
        let twice = get("/").header(TRANSFER_ENCODING, "chunked").header(TRANSFER_ENCODING, "chunked");
        assert_eq!(status(twice), Some(400));
    }

    #[test]
    fn names() {
        assert_eq!(status(get("/").header("x-auth-user", "a")), None);
        assert_eq!(status(get("/").header("x_auth_user", "a")), Some(400));
    }

    #[test]
    fn the_answer_ends_the_connection() {
        let response = Refusal { status: StatusCode::METHOD_NOT_ALLOWED, reason: "no" }.response();
        assert_eq!(response.headers()[CONNECTION], "close");
        assert!(response.headers().contains_key(ALLOW));
    }
}
