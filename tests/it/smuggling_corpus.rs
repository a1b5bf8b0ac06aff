//! Raw requests that are known to be read differently by different servers, and what must come of each.

/// What a listener must make of a payload. In every case: never one request more than this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// So many requests are served, each with a whole body.
    Requests(usize),
    /// None is served: a 4xx answer or none, and the connection closes.
    Refused,
    /// One is served, but its body ends in an error, and the connection closes.
    Broken,
    /// One is served, then a 4xx answer or none, and the connection closes.
    OneThenRefused,
}

use Expect::{Broken, OneThenRefused, Refused, Requests};

pub const CORPUS: &[(&str, &[u8], Expect)] = &[
    // Well-formed, so that a listener which refuses everything does not pass.
    ("plain get", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Requests(1)),
    ("two pipelined", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("length then next", b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("chunked then next", b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("a body that looks like a request", b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 29\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("a chunk that looks like the end", b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n0\r\n\r\nGET \r\n0\r\n\r\n", Requests(1)),
    ("length zero", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Requests(1)),
    ("http/1.0 without host", b"GET / HTTP/1.0\r\n\r\n", Requests(1)),
    ("empty lines before the request", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Requests(1)),
    ("mixed case chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", Requests(1)),
    ("chunk extension", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n0;last\r\n\r\n", Requests(1)),
    ("chunk size with leading zeros", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n000\r\n\r\n", Requests(1)),
    ("trailers", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n", Requests(1)),
    ("trailers that name a length", b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 50\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("body on get", b"GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("length zero, then a request instead of a body", b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(2)),
    ("close, then more", b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Requests(1)),
    ("http/1.0, then more", b"GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", Requests(1)),
    ("length of a http/1.0 request", b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", Requests(1)),
    // Two lengths.
    ("length and chunked", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", Refused),
    ("chunked and length", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n", Refused),
    ("chunked and length zero", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("length and an unknown encoding", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: xchunked\r\n\r\nabc", Refused),
    ("length and chunked behind a pipelined request", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", OneThenRefused),
    ("length and chunked behind a body", b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG", OneThenRefused),
    ("differing lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Refused),
    ("equal lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Refused),
    ("lengths in a list", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", Refused),
    ("differing lengths in a list", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello", Refused),
    // Lengths that are no numbers.
    ("length with a plus", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", Refused),
    ("length with a minus", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", Refused),
    ("length in hex", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", Refused),
    ("length with a space inside", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\nhello", Refused),
    ("empty length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Refused),
    ("length that overflows", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello", Refused),
    ("length that is as long as can be", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nhello", Refused),
    // Encodings.
    ("chunked, identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", Refused),
    ("identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Refused),
    ("xchunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Refused),
    ("gzip, chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Refused),
    ("chunked twice in a list", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Refused),
    ("chunked twice", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused),
    ("chunked and cow", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n5c\r\n0\r\n\r\n", Refused),
    ("cow and chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused),
    ("quoted chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Refused),
    ("chunked with a vertical tab", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", Refused),
    ("empty encoding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", Refused),
    ("chunked in http/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("underscored encoding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", Refused),
    // Header lines.
    ("space before the colon of an encoding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", Refused),
    ("space before the colon of a length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello", Refused),
    ("tab before the colon", b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", Refused),
    ("folded encoding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", Refused),
    ("folded header", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n", Refused),
    ("space before the first header", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refused),
    ("no colon", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\r\n\r\n", Refused),
    ("empty name", b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", Refused),
    ("nul in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n", Refused),
    ("nul in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\0A: b\r\n\r\n", Refused),
    ("bare cr in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rTransfer-Encoding: chunked\r\n\r\n", Refused),
    ("bare lf between headers", b"POST / HTTP/1.1\r\nHost: a\r\nX-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused),
    ("bare lf after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Refused),
    ("bare lf at the end of the head", b"GET / HTTP/1.1\r\nHost: a\r\n\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("underscored name", b"GET / HTTP/1.1\r\nHost: a\r\nX_Auth_User: root\r\n\r\n", Refused),
    ("high byte in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX-\xc3\xa9: b\r\n\r\n", Refused),
    // Hosts.
    ("no host", b"GET / HTTP/1.1\r\n\r\n", Refused),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refused),
    ("the same host twice", b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Refused),
    ("a list of hosts", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Refused),
    ("host with a path", b"GET / HTTP/1.1\r\nHost: a/evil\r\n\r\n", Refused),
    ("host with a user", b"GET / HTTP/1.1\r\nHost: evil@a\r\n\r\n", Refused),
    // Request lines.
    ("absolute form", b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("authority form", b"GET evil:80 HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("asterisk", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("connect", b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("trace", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("fragment", b"GET /admin#/public HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("fragment behind a query", b"GET /admin?a=b#c HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("fragment behind a pipelined request", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2#x HTTP/1.1\r\nHost: a\r\n\r\n", OneThenRefused),
    ("fragment behind chunks", b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /2#x HTTP/1.1\r\nHost: a\r\n\r\n", OneThenRefused),
    ("http/0.9", b"GET /\r\n\r\n", Refused),
    ("http/0.9 with headers", b"GET / \r\nHost: a\r\n\r\n", Refused),
    ("http/1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refused),
    ("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", Refused),
    ("lower-case version", b"GET / http/1.1\r\nHost: a\r\n\r\n", Refused),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("tab in the request line", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("nul in the target", b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("cr in the target", b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("space first", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("tls to a plain port", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", Refused),
    // Chunks.
    ("chunk size in 0x", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("negative chunk size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk size with a plus", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", Broken),
    ("chunk size that overflows", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk size with an underscore", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n", Broken),
    ("empty chunk size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", Broken),
    ("space before a chunk size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n", Broken),
    ("chunk size that ends in a bare lf", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk size that ends in a bare cr", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\n", Broken),
    ("chunk extension with a bare lf", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk extension with a bare cr", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", Broken),
    ("chunk longer than its size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk without cr lf", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("chunk that ends in a bare lf", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("last chunk that ends in bare lfs", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("two bytes in place of the chunk's end", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("request line in place of trailers", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", Broken),
    ("body cut short", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", Broken),
    ("chunks cut short", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", Broken),
];

/// Payloads too long to be written down.
pub fn long() -> Vec<(&'static str, Vec<u8>, Expect)> {
    let head = |filling: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{filling}\r\n").into_bytes();
    let numbered = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let cookies = format!("Cookie: c={}\r\n", "x".repeat(4_000)).repeat(1_000);
    let extension = "x".repeat(20_000);
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    vec![
        ("80 headers", head(&numbered(80)), Requests(1)),
        ("101 headers", head(&numbered(100)), Refused),
        ("1000 headers", head(&numbered(1_000)), Refused),
        ("1000 cookies of 4 kB", head(&cookies), Refused),
        (
            "a target of 70 kB",
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000)).into_bytes(),
            Refused,
        ),
        ("a header name of 100 kB", head(&format!("{}: y\r\n", "x".repeat(100_000))), Refused),
        (
            "chunk extensions of 20 kB",
            format!("{chunked}5;{extension}\r\nhello\r\n0\r\n\r\n").into_bytes(),
            Broken,
        ),
        (
            "trailers of 200 kB",
            format!("{chunked}0\r\nX: {}\r\n\r\n", extension.repeat(10)).into_bytes(),
            Broken,
        ),
    ]
}
