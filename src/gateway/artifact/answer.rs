//! What of an answer reaches the client: the few headers that the protocol has, and for how long it may be kept.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, VARY,
    },
    response::Parts,
};

/// Who may have the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Everybody,
    /// Those who may read it, this one among them.
    TheCaller,
}

/// Everything else of the server's stays behind: cookies, its own limits, headers that open browsers' doors.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, LAST_MODIFIED];

/// Headers of the request that are passed on.
pub fn asked(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in [ACCEPT_ENCODING, IF_NONE_MATCH] {
        for value in headers.get_all(&name) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// Rewrites the head of a successful answer. One that the client has already becomes 304, and then the body is not to
/// be sent.
pub fn rewrite(head: &mut Parts, request: &HeaderMap, audience: Audience) {
    let came = std::mem::take(&mut head.headers);
    let headers = &mut head.headers;
    for name in KEPT {
        if let Some(value) = came.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    if let Some(tag) = came.get(ETAG).and_then(|tag| entity_tag(tag, came.contains_key(CONTENT_ENCODING))) {
        headers.insert(ETAG, tag);
    }
    keep(headers, came.get(CACHE_CONTROL), audience);
    // A page from here is text to look at, whatever it says that it is.
    let inert = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, inert);
    if head.status == StatusCode::OK && is_known(request, headers.get(ETAG)) {
        head.status = StatusCode::NOT_MODIFIED;
    }
    if head.status == StatusCode::NOT_MODIFIED {
        for name in KEPT {
            headers.remove(name);
        }
    }
    head.version = http::Version::HTTP_11;
    head.extensions.clear();
}

/// What is not for everybody is asked for anew each time, so that a right that was taken away is gone; the tag then
/// saves the bytes.
pub fn keep(headers: &mut HeaderMap, theirs: Option<&HeaderValue>, audience: Audience) {
    let vary = match audience {
        Audience::Everybody => "Accept-Encoding",
        Audience::TheCaller => "Authorization, X-Registry-Token, Accept-Encoding",
    };
    headers.insert(VARY, HeaderValue::from_static(vary));
    let may_be_kept = theirs.filter(|value| value.as_bytes().starts_with(b"public"));
    let value = match (audience, may_be_kept) {
        (Audience::Everybody, Some(theirs)) => theirs.clone(),
        (Audience::Everybody, None) => HeaderValue::from_static("no-store"),
        (Audience::TheCaller, _) => HeaderValue::from_static("private, no-cache"),
    };
    headers.insert(CACHE_CONTROL, value);
}

/// The server gives the same strong tag to each encoding of a document; of an encoded one it is a weak one.
fn entity_tag(tag: &HeaderValue, is_encoded: bool) -> Option<HeaderValue> {
    let text = tag.to_str().ok()?;
    if !is_encoded || text.starts_with("W/") {
        return Some(tag.clone());
    }
    HeaderValue::from_str(&format!("W/{text}")).ok()
}

/// Whether the client names the tag, compared weakly.
fn is_known(request: &HeaderMap, tag: Option<&HeaderValue>) -> bool {
    let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let named = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|name| name.trim() == "*" || opaque(name) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Response, header::SET_COOKIE};

    fn rewritten(request: &[(HeaderName, &'static str)], audience: Audience, encoded: bool) -> Parts {
        let mut answer = Response::builder()
            .header(CONTENT_TYPE, "text/html")
            .header(CONTENT_LENGTH, 5)
            .header(ETAG, "\"18c-5\"")
            .header(CACHE_CONTROL, "public, max-age=31536000, immutable")
            .header(SET_COOKIE, "a=b")
            .header("access-control-allow-origin", "*")
            .header("x-ratelimit-limit", "1200");
        if encoded {
            answer = answer.header(CONTENT_ENCODING, "gzip");
        }
        let (mut head, ()) = answer.body(()).unwrap().into_parts();
        let request =
            request.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        rewrite(&mut head, &request, audience);
        head
    }

    fn header(head: &Parts, name: HeaderName) -> &str {
        head.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn what_is_not_for_everybody_is_not_kept_by_anybody() {
        let public = rewritten(&[], Audience::Everybody, false);
        assert_eq!(header(&public, CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header(&public, VARY), "Accept-Encoding");
        let gated = rewritten(&[], Audience::TheCaller, false);
        assert_eq!(header(&gated, CACHE_CONTROL), "private, no-cache");
        assert!(header(&gated, VARY).starts_with("Authorization, X-Registry-Token"));
        for head in [public, gated] {
            assert!(header(&head, CONTENT_SECURITY_POLICY).ends_with("sandbox"));
            for gone in ["set-cookie", "access-control-allow-origin", "x-ratelimit-limit"] {
                assert!(!head.headers.contains_key(gone), "{gone}");
            }
        }
    }

    #[test]
    fn a_tag_that_the_client_knows_saves_the_body() {
        for (named, status) in [
            ("\"18c-5\"", 304),
            ("W/\"18c-5\"", 304),
            ("\"x\", \"18c-5\"", 304),
            ("*", 304),
            ("\"18c-6\"", 200),
            ("18c", 200),
        ] {
            let head = rewritten(&[(IF_NONE_MATCH, named)], Audience::TheCaller, false);
            assert_eq!(head.status.as_u16(), status, "{named}");
            assert_eq!(head.headers.contains_key(CONTENT_LENGTH), status == 200);
            assert_eq!(header(&head, ETAG), "\"18c-5\"");
        }
        assert_eq!(header(&rewritten(&[], Audience::Everybody, true), ETAG), "W/\"18c-5\"");
        assert_eq!(rewritten(&[(IF_NONE_MATCH, "\"18c-5\"")], Audience::Everybody, true).status, 304);
    }

    #[test]
    fn few_headers_go_on() {
        let request = HeaderMap::from_iter(
            [
                "authorization",
                "x-registry-token",
                "cookie",
                "x-forwarded-for",
                "forwarded",
                "accept-encoding",
            ]
            .map(|name| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("x"))),
        );
        assert_eq!(asked(&request).keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept-encoding"]);
    }
}
