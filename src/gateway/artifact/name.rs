//! The names of the artifact registry: namespaces, segments, versions, files.

/// `@team` → `team`.
pub fn namespace(text: &str) -> Option<String> {
    let name = text.strip_prefix('@')?;
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (name.bytes().next()?, name.bytes().last()?);
    let fits = name.len() <= 100 && name.bytes().all(|byte| inner(byte) || b"_-".contains(&byte));
    (fits && inner(first) && inner(last)).then(|| name.to_owned())
}

/// Kebab case: `node-app`.
pub fn is_segment(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 100 && text.split('-').all(part)
}

/// SemVer: `1.0.0`, `1.0.0-beta.1`, `1.0.0+build`.
pub fn is_version(text: &str) -> bool {
    let (rest, build) = split(text, '+');
    let (core, pre) = split(rest, '-');
    let numbers: Vec<_> = core.split('.').collect();
    let numeric = |part: &&str| is_number(part) && (part.len() == 1 || !part.starts_with('0'));
    let dotted = |text: &str| {
        text.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    text.len() <= 100
        && numbers.len() == 3
        && numbers.iter().all(numeric)
        && [pre, build].into_iter().flatten().all(dotted)
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Of a file in a package.
pub fn is_file_path(segments: &[&str]) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    let fits = |segment: &&str| !matches!(*segment, "" | "." | "..") && segment.bytes().all(plain);
    !segments.is_empty() && segments.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for text in ["0.0.0", "1.2.3", "10.20.30-rc.1", "1.0.0+build.5", "1.0.0-a-b+c"] {
            assert!(is_version(text), "{text}");
        }
        for text in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-", "1.2.3+", "v1.2.3", "1.2.3-é"] {
            assert!(!is_version(text), "{text}");
        }
    }

    #[test]
    fn namespaces_and_segments() {
        assert_eq!(namespace("@a_b-c9"), Some("a_b-c9".to_owned()));
        for text in ["@", "a", "@_a", "@a-", "@A", "@a.b", "@a/b", "@@a"] {
            assert_eq!(namespace(text), None, "{text}");
        }
        assert!(is_segment("node-app2"));
        for text in ["", "-a", "a-", "a--b", "A", "a.b", "a_b", ".."] {
            assert!(!is_segment(text), "{text}");
        }
        assert!(is_file_path(&["a@b+c-d_e", "x.ts"]));
        for path in [&[] as &[&str], &[""], &["a", ".."], &["."], &["a b"], &["a%"], &["a\\b"]] {
            assert!(!is_file_path(path), "{path:?}");
        }
    }
}
