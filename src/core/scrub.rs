//! Takes credentials out of free text, for log lines and error reports.
//!
//! A message may quote a header, a URL or an environment from anywhere, so this looks for the shapes that
//! credentials have: our tokens, JSON web tokens, `Bearer x`, `Basic x`, `://user:pass@`, `Cookie: x`,
//! `PASSWORD=x`, `"secret": "x"`. When in doubt it hides too much.

use super::redact::{REDACTED, is_secret_header, is_secret_variable};
use std::{borrow::Cow, ops::Range};

/// Names that hold a word of [`is_secret_variable`] and yet only say which secret was meant.
const NOT_SECRET: [&str; 7] =
    ["token_name", "token_id", "token_kind", "token_type", "token_count", "tokens", "environment"];
/// Words that make a name secret when they end it.
const SECRET: [&str; 8] =
    ["passwd", "passphrase", "pwd", "credential", "credentials", "apikey", "dsn", "totp"];
/// What API tokens, sessions' secrets and one-time links begin with.
const OUR_PREFIXES: [&str; 3] = ["rgw_", "rgs_", "rgl_"];
const LONGEST_NAME: usize = 64;
/// Keeps the work linear when a text is nothing but `://`.
const LONGEST_AUTHORITY: usize = 1024;

/// True for the name of a field, variable, parameter or header whose value must not be shown.
pub fn is_secret_name(name: &str) -> bool {
    let plain = name.replace(['-', '.'], "_").to_ascii_lowercase();
    let ends_in =
        |word: &&str| plain.strip_suffix(*word).is_some_and(|head| head.is_empty() || head.ends_with('_'));
    !NOT_SECRET.contains(&plain.as_str())
        && (SECRET.iter().any(ends_in) || is_secret_header(name) || is_secret_variable(&plain, &[]))
}

/// Replaces every credential in `text` by [`REDACTED`]. Borrows when there is none; scrubbing twice changes
/// nothing more.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        let Some(hidden) = find(text, at, byte).filter(|hidden| hidden.start >= copied) else {
            at += 1;
            continue;
        };
        clean.push_str(text.get(copied..hidden.start).unwrap_or_default());
        clean.push_str(REDACTED);
        copied = hidden.end;
        at = hidden.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(clean)
}

/// The bytes to hide when a credential is announced at `at`.
fn find(text: &str, at: usize, byte: u8) -> Option<Range<usize>> {
    match byte {
        b'r' => gateway_token(text, at),
        b'e' => json_web_token(text, at),
        b'b' | b'B' => scheme(text, at),
        b'=' => assignment(text, at),
        b':' => userinfo(text, at).or_else(|| quoted_value(text, at)).or_else(|| header(text, at)),
        _ => None,
    }
    .filter(|hidden| !hidden.is_empty() && !rest(text, hidden.start).starts_with(REDACTED))
}

fn gateway_token(text: &str, at: usize) -> Option<Range<usize>> {
    let prefix = OUR_PREFIXES.into_iter().find(|prefix| rest(text, at).starts_with(prefix))?;
    let end = at + prefix.len() + run(rest(text, at + prefix.len()), is_url_safe);
    if let Some(value) = rest(text, end).strip_prefix('=') {
        // The name of a cookie of ours.
        return Some(end + 1..end + 1 + run(value, |c| c != ';' && !c.is_whitespace()));
    }
    (end - at >= prefix.len() + 8).then_some(at..end)
}

fn json_web_token(text: &str, at: usize) -> Option<Range<usize>> {
    let token = rest(text, at);
    let in_token = |c: char| is_url_safe(c) || c == '.';
    if !token.starts_with("eyJ") || text.get(..at)?.ends_with(in_token) {
        return None;
    }
    let length = run(token, in_token);
    let mut parts = token.get(..length)?.split('.');
    (parts.next()?.len() >= 8 && parts.next()?.len() >= 4).then(|| at..at + length)
}

/// `Bearer x` and `Basic x`.
fn scheme(text: &str, at: usize) -> Option<Range<usize>> {
    let after = ["bearer", "basic"].iter().find_map(|word| {
        let (head, tail) = rest(text, at).split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word).then_some(tail)
    })?;
    let gap = run(after, |c| c.is_whitespace() || c == '"' || c == '\'');
    if gap == 0 || ends_in_word(text, at) {
        return None;
    }
    let start = text.len() - after.len() + gap;
    Some(start..start + run(rest(text, start), |c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
}

/// `://user:pass@host`. A password with an unescaped slash is told from a port by not being a number.
fn userinfo(text: &str, at: usize) -> Option<Range<usize>> {
    let after = rest(text, at).strip_prefix("://")?;
    let near = after.get(..after.floor_char_boundary(LONGEST_AUTHORITY))?;
    if !near.as_bytes().contains(&b'@') {
        return None;
    }
    let word = near.get(..run(near, |c| !c.is_whitespace() && !"\"'<>`".contains(c)))?;
    let authority = word.split(['/', '?', '#']).next().unwrap_or_default();
    let looks_like_password = || {
        let port = authority.split_once(':').map(|(_, port)| port);
        !authority.starts_with('[') && port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit()))
    };
    let end = authority.rfind('@').or_else(|| word.rfind('@').filter(|_| looks_like_password()))?;
    let start = at + "://".len();
    Some(start..start + end)
}

/// `PASSWORD=x` in an environment, `token=x` in a query.
fn assignment(text: &str, at: usize) -> Option<Range<usize>> {
    let name = name_before(text, at)?;
    if !is_secret_name(name) {
        return None;
    }
    let start = at + 1;
    let value = rest(text, start);
    if let Some(quoted) = string_literal(text, start) {
        return Some(quoted);
    }
    let in_query = text.get(..at - name.len())?.ends_with(['?', '&']);
    let word =
        |text: &str| run(text, |c| !(c.is_whitespace() || "\"'`<>".contains(c) || in_query && c == '&'));
    let length = word(value);
    let is_scheme = ["bearer", "basic", "token"]
        .iter()
        .any(|s| value.get(..length).is_some_and(|v| v.eq_ignore_ascii_case(s)));
    if !is_scheme {
        return Some(start..start + length);
    }
    let gap = run(rest(text, start + length), char::is_whitespace);
    Some(start..start + length + gap + word(rest(text, start + length + gap)))
}

/// `"secret": "x"` in JSON and `secret: "x"` or `secret: Some("x")` in Rust's debug format.
fn quoted_value(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?;
    let unquoted = before.strip_suffix('"').map(|name| name.strip_suffix('\\').unwrap_or(name));
    let name = name_before(text, unquoted.unwrap_or(before).len())?;
    if !is_secret_name(name) {
        return None;
    }
    let mut start = at + 1 + run(rest(text, at + 1), |c| c == ' ');
    start += if rest(text, start).starts_with("Some(") { "Some(".len() } else { 0 };
    if let Some(literal) = string_literal(text, start) {
        return Some(literal);
    }
    unquoted?;
    let value = rest(text, start);
    if value.starts_with('[') {
        return Some(start..start + value.find(']').map_or(value.len(), |end| end + 1));
    }
    Some(start..start + run(value, |c| c != ',' && c != '}' && c != '{' && !c.is_whitespace()))
}

/// `Cookie: x` hides the rest of the line.
fn header(text: &str, at: usize) -> Option<Range<usize>> {
    let name = name_before(text, at)?;
    let is_prose = ["session", "environment"].iter().any(|word| word.eq_ignore_ascii_case(name));
    if is_prose || !is_secret_header(name) {
        return None;
    }
    let start = at + 1 + run(rest(text, at + 1), |c| c == ' ' || c == '\t');
    Some(start..start + run(rest(text, start), |c| c != '\r' && c != '\n'))
}

/// What stands between the quotes that open at `start`, escaped quotes (`\"`) included.
fn string_literal(text: &str, start: usize) -> Option<Range<usize>> {
    let opening = ["\\\"", "\"", "'"].into_iter().find(|quote| rest(text, start).starts_with(quote))?;
    let first = start + opening.len();
    let mut from = first;
    while let Some(found) = rest(text, from).find(opening) {
        let end = from + found;
        let is_escaped = opening == "\"" && text.get(first..end).is_some_and(|inner| inner.ends_with('\\'));
        if !is_escaped {
            return Some(first..end);
        }
        from = end + opening.len();
    }
    Some(first..text.len())
}

fn name_before(text: &str, end: usize) -> Option<&str> {
    let before = text.as_bytes().get(..end)?;
    let length = before
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        .count();
    text.get(end - length..end).filter(|name| !name.is_empty())
}

fn ends_in_word(text: &str, at: usize) -> bool {
    text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn rest(text: &str, from: usize) -> &str {
    text.get(from..).unwrap_or_default()
}

/// Length in bytes of the leading characters that `belongs` accepts.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_url_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shapes_of_credentials() {
        for (dirty, clean) in [
            ("token rgw_AbC-123_x refused", "token [REDACTED] refused"),
            ("(rgw_12345678)", "([REDACTED])"),
            (
                "session rgs_AbC-123_x and link https://h/app/join#rgl_AbC-123_x",
                "session [REDACTED] and link https://h/app/join#[REDACTED]",
            ),
            ("rgw_trusted_device=abcdefgh; a=b", "rgw_trusted_device=[REDACTED]; a=b"),
            ("Authorization: Bearer a.b.c\r\nHost: x", "Authorization: [REDACTED]\r\nHost: x"),
            ("sent bearer  abc== to x", "sent bearer  [REDACTED] to x"),
            ("Basic dXNlcjpwYXNz,", "Basic [REDACTED],"),
            ("postgres://app:hunter2@db:5432/x", "postgres://[REDACTED]@db:5432/x"),
            ("postgres://app:a/b?c@db/x", "postgres://[REDACTED]@db/x"),
            ("https://abc123@sentry.io/1", "https://[REDACTED]@sentry.io/1"),
            ("https://h/?a=1&access_token=xyz&b=2", "https://h/?a=1&access_token=[REDACTED]&b=2"),
            ("DB_PASSWORD=a&b,c;d PORT=1", "DB_PASSWORD=[REDACTED] PORT=1"),
            ("API_KEY='a b' x", "API_KEY='[REDACTED]' x"),
            ("authorization=Basic abc x", "authorization=[REDACTED] x"),
            (r#"{"password": "a\"b", "n": 1}"#, r#"{"password": "[REDACTED]", "n": 1}"#),
            (r#"{\"client_secret\":\"abc\"}"#, r#"{\"client_secret\":\"[REDACTED]\"}"#),
            (r#"Config { token: Some("abc"), port: 1 }"#, r#"Config { token: Some("[REDACTED]"), port: 1 }"#),
            (r#"{"x-registry-token": ["abc"]}"#, r#"{"x-registry-token": [REDACTED]}"#),
            (r#"{"totp":123456,"a":1}"#, r#"{"totp":[REDACTED],"a":1}"#),
            ("id eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "id [REDACTED] end"),
        ] {
            assert_eq!(scrub(dirty), clean);
        }
    }

    #[test]
    fn ordinary_text_is_borrowed_unchanged() {
        for text in [
            "",
            "Server listening",
            "WebAuthn enabled: rpid=gateway.example.com origin=https://gateway.example.com",
            "https://host:443/@scope/pkg and http://[::1]:80/@x",
            "token_name=deploy token_id=5 environment=production",
            "session: closed after 5 s",
            "the token: expired",
            "rgw_short",
            "a basically good bearer",
            "password=",
            "é=ü: 日本://語",
        ] {
            assert!(matches!(scrub(text), Cow::Borrowed(same) if same == text), "{text} -> {}", scrub(text));
        }
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for shape in ["://", "eyJ.", "-eyJ", "basic ", "a:", "token=", "\"token\":", "cookie:"] {
            let text = shape.repeat(200_000 / shape.len());
            let started = std::time::Instant::now();
            let _ = scrub(&text);
            assert!(started.elapsed().as_secs() < 20, "{shape}");
        }
    }

    #[test]
    fn names() {
        for name in
            ["password", "Authorization", "client-secret", "api_key", "db.passwd", "SENTRY_DSN_TOKEN", "dsn"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["token_name", "user", "port", "key", "monkey"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_planted_token_never_survives(before in "\\PC{0,40}", after in "\\PC{0,40}") {
            let text = format!("{before} rgw_CANARYcanary42 {after}");
            prop_assert!(!scrub(&text).contains("CANARYcanary42"));
        }

        #[test]
        fn a_planted_password_never_survives(before in "[a-z :/=\"{]{0,30}", after in "\\PC{0,40}") {
            let text = format!("{before} DB_PASSWORD=CANARY42 {after}");
            prop_assert!(!scrub(&text).contains("CANARY42"), "{}", scrub(&text));
        }

        #[test]
        fn twice_is_once(text in "(Bearer |Basic |rgw_|rgs_|://|@|=|: |\"|token|cookie|[a-z ]|\\PC){0,20}") {
            let once = scrub(&text).into_owned();
            prop_assert_eq!(scrub(&once), once.as_str());
        }
    }
}
