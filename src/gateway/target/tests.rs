use super::*;
use proptest::prelude::*;

fn parse(raw: &str) -> ParsedTarget {
    ParsedTarget::parse(raw).unwrap_or_else(|error| panic!("{raw}: {error}"))
}

#[test]
fn splits_and_decodes_once() {
    for (raw, segments) in [
        ("/", vec![""]),
        ("/apps", vec!["apps"]),
        ("/apps/", vec!["apps", ""]),
        ("//apps", vec!["", "apps"]),
        (
            "/registries/https://index.docker.io/v1/",
            vec!["registries", "https:", "", "index.docker.io", "v1", ""],
        ),
        ("/apps/caf%C3%A9/x%20y", vec!["apps", "café", "x y"]),
        ("/apps/café", vec!["apps", "café"]),
        ("/a;b=1/c+d", vec!["a;b=1", "c+d"]),
        ("/apps/...", vec!["apps", "..."]),
        ("/%61pps", vec!["apps"]),
    ] {
        assert_eq!(parse(raw).segments(), segments, "{raw}");
    }
}

#[test]
fn hostile_targets_are_refused() {
    use BadTarget::*;
    for (raw, error) in [
        ("", NotAPath),
        ("apps", NotAPath),
        ("*", NotAPath),
        ("http://rack/apps", NotAPath),
        ("/apps/a%2Freleases", Encoded("\"/\"")),
        ("/apps/a%2freleases", Encoded("\"/\"")),
        ("/apps/%5c..%5c", Encoded("backslash")),
        ("/apps/a%3Fb", Encoded("\"?\"")),
        ("/apps/a%23b", Encoded("\"#\"")),
        ("/apps/a%25b", Encoded("\"%\"")),
        ("/apps/%252f", Encoded("\"%\"")),
        ("/apps/%252e%252e/system", Encoded("\"%\"")),
        ("/apps/%00", Encoded("NUL")),
        ("/apps/web%0d%0aX: 1", Raw("a space")),
        ("/apps/web%0d%0aX:1", Encoded("control character")),
        ("/apps/%7f", Encoded("control character")),
        ("/apps/%c2%85", Encoded("control character")),
        ("/apps/../system", DotSegment),
        ("/apps/./system", DotSegment),
        ("/apps/..", DotSegment),
        ("/apps/%2e%2e/system", DotSegment),
        ("/apps/.%2E/system", DotSegment),
        ("/apps/%2e", DotSegment),
        ("/apps\\..\\system", Raw("a backslash")),
        ("/apps?x=\\", Raw("a backslash")),
        ("/admin#/public", Raw("a \"#\"")),
        ("/apps?a=1#b", Raw("a \"#\"")),
        ("/apps/a\u{0}b", Raw("a control character")),
        ("/apps/a\tb", Raw("a control character")),
        ("/apps/a\u{85}b", Raw("a control character")),
        ("/apps/%", Escape),
        ("/apps/%2", Escape),
        ("/apps/%2x", Escape),
        ("/apps/%u002f", Escape),
        ("/apps/%c0%af", NotUtf8),
        ("/apps/%c0%ae%c0%ae", NotUtf8),
        ("/apps/%e0%80%af", NotUtf8),
        ("/apps/%ed%a0%80", NotUtf8),
        ("/apps/%ff", NotUtf8),
        ("/apps?a=%", Query(BadPairs::Escape)),
        ("/apps?a=%ff", Query(BadPairs::NotUtf8)),
        ("/apps?a=%00", Query(BadPairs::Nul)),
    ] {
        assert_eq!(ParsedTarget::parse(raw), Err(error), "{raw:?}");
    }
    let long = format!("/{}", "a".repeat(MAX_TARGET_BYTES));
    assert_eq!(ParsedTarget::parse(&long), Err(TooLong));
    assert!(ParsedTarget::parse(&long[..MAX_TARGET_BYTES]).is_ok());
}

#[test]
fn every_refusal_is_a_sentence() {
    assert_eq!(
        ParsedTarget::parse("/apps/a%2fb").unwrap_err().to_string(),
        "the path has an encoded \"/\" in a segment; only plain \"/\" separates and nothing else may be hidden"
    );
    assert_eq!(
        ParsedTarget::parse("/apps?a=%f").unwrap_err().to_string(),
        "the query has a percent sign that no two hexadecimal digits follow; write it as %25"
    );
}

#[test]
fn leaves_in_one_spelling() {
    for (raw, sent) in [
        ("/apps", "/apps"),
        ("/apps?", "/apps?"),
        ("/%61pps/x%2Dy", "/apps/x-y"),
        ("/apps/caf%c3%a9", "/apps/caf%C3%A9"),
        ("/apps/café", "/apps/caf%C3%A9"),
        ("/apps/a;b", "/apps/a%3Bb"),
        ("/apps/%3Cb%3E\"", "/apps/%3Cb%3E%22"),
        ("/registries/https://index.docker.io/v1/?", "/registries/https://index.docker.io/v1/?"),
        ("/v2/a/manifests/sha256:abc", "/v2/a/manifests/sha256:abc"),
        ("/apps?a=1;b=2", "/apps?a=1%3Bb%3D2"),
        ("/apps?a=1?", "/apps?a=1%3F"),
        ("/apps?a=%2fx+y", "/apps?a=%2Fx+y"),
        ("/apps?a", "/apps?a="),
        ("/apps?&&", "/apps?"),
    ] {
        assert_eq!(parse(raw).to_path_and_query(), sent, "{raw}");
    }
}

#[test]
fn below_keeps_the_rest() {
    let target = parse("/api/v1/rack-proxy/apps/web?a=1");
    assert_eq!(target.clone().below(3).to_path_and_query(), "/apps/web?a=1");
    assert_eq!(target.clone().below(5).to_path(), "/");
    assert_eq!(target.below(9).to_path(), "/");
    assert_eq!(parse("/p//apps/").below(1).to_path(), "//apps/");
}

/// What a server does with a path: split at `/`, decode each `%XX`, nothing else.
fn naive_segments(path: &str) -> Vec<Vec<u8>> {
    let decode = |segment: &str| {
        let mut bytes = segment.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        }
        decoded
    };
    path.strip_prefix('/').unwrap().split('/').map(decode).collect()
}

/// Fragments that have fooled proxies, and ordinary ones, glued in every order.
fn any_target() -> impl Strategy<Value = String> {
    let fine = prop::sample::select(vec![
        "/",
        "//",
        "/apps",
        "/web",
        "/...",
        "a",
        "Z9",
        "~",
        ":",
        "@",
        "%20",
        "*",
        "!",
        "{x}",
        "|",
        "\"",
        "=",
        "+",
        "&",
        ";",
        "%3b",
        "?",
        "%c3%a9",
        "é",
        "%41",
        "%7e",
        "\u{2028}",
        "%f0%9f%98%80",
        "index.html",
        "%2e%2e%2e",
        "$",
        "'",
    ]);
    let hostile = prop::sample::select(vec![
        "/.", "/..", "..", ".", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", "%252f", "%00", "%0a", "%3f", "%23",
        "%25", "%c0%af", "%", "%4", "#", "\t", "%c2%85",
    ]);
    let text = str::to_owned as fn(&str) -> String;
    let part = prop_oneof![12 => fine.prop_map(text), 1 => hostile.prop_map(text), 1 => "\\PC{0,4}"];
    prop::collection::vec(part, 0..14).prop_map(|parts| format!("/{}", parts.concat()))
}

/// 20,000 targets, or as many as `PROPTEST_CASES` asks for; a long run takes a million.
fn cases() -> ProptestConfig {
    const UNASKED: u32 = 256;
    let config = ProptestConfig::default();
    if config.cases == UNASKED { ProptestConfig::with_cases(20_000) } else { config }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_sent_is_what_was_classified(raw in any_target()) {
        let Ok(target) = ParsedTarget::parse(&raw) else { return Ok(()) };
        let path = target.to_path();
        let naive = naive_segments(&path);
        let classified: Vec<Vec<u8>> = target.segments().iter().map(|text| text.clone().into_bytes()).collect();
        prop_assert_eq!(naive, classified);

        prop_assert_eq!(ParsedTarget::parse(&target.to_path_and_query()), Ok(target.clone()));

        // A browser-grade parser finds nothing to normalise, and an HTTP client takes it as it is.
        let url = url::Url::parse(&format!("http://rack{path}")).unwrap();
        prop_assert_eq!(url.path(), path.as_str());
        let uri: http::Uri = target.to_path_and_query().parse().unwrap();
        prop_assert_eq!(uri.path(), path.as_str());
    }

    #[test]
    fn the_query_means_the_same_to_another_reader(raw in any_target()) {
        let Ok(target) = ParsedTarget::parse(&raw) else { return Ok(()) };
        let sent = target.to_path_and_query();
        let query = sent.split_once('?').map_or("", |(_, query)| query);
        let read: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        prop_assert_eq!(read.as_slice(), target.query());
        prop_assert!(!query.contains(';'));
    }
}
