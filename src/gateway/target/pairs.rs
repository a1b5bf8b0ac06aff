//! `application/x-www-form-urlencoded`, read strictly: what it cannot read for certain it refuses.

use percent_encoding::percent_decode_str;

/// Name and value, decoded, in the order they came.
pub type Pairs = Vec<(String, String)>;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPairs {
    #[error("a percent sign that no two hexadecimal digits follow; write it as %25")]
    Escape,
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    #[error("a NUL character")]
    Nul,
}

/// Reads `a=1&b=two+words`. Empty pairs are skipped, a name alone has the empty value, and `;` is an ordinary
/// character: servers disagree on whether it separates, so it leaves here encoded.
pub fn parse_pairs(text: &str) -> Result<Pairs, BadPairs> {
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// The one spelling in which pairs leave.
pub fn encode_pairs(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn pair(text: &str) -> Result<(String, String), BadPairs> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((decode(name)?, decode(value)?))
}

fn decode(text: &str) -> Result<String, BadPairs> {
    if !text.contains(['%', '+', '\0']) {
        return Ok(text.to_owned());
    }
    if !has_whole_escapes(text) {
        return Err(BadPairs::Escape);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| BadPairs::NotUtf8)?;
    if decoded.contains('\0') {
        return Err(BadPairs::Nul);
    }
    Ok(decoded.into_owned())
}

/// True when every `%` is followed by two hexadecimal digits. Decoders differ on the others.
pub(super) fn has_whole_escapes(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_what_browsers_and_clients_write() {
        for (text, expected) in [
            ("", pairs(&[])),
            ("&&", pairs(&[])),
            ("a", pairs(&[("a", "")])),
            ("a=1&b=two+words&a=3", pairs(&[("a", "1"), ("b", "two words"), ("a", "3")])),
            ("env=A%3D1%0AB%3Dx%26y", pairs(&[("env", "A=1\nB=x&y")])),
            ("a=1;b=2", pairs(&[("a", "1;b=2")])),
            ("a=b=c", pairs(&[("a", "b=c")])),
            ("a=1?", pairs(&[("a", "1?")])),
            ("%C3%A9=é", pairs(&[("é", "é")])),
        ] {
            assert_eq!(parse_pairs(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_decoders_disagree_on() {
        for (text, error) in [
            ("a=%", BadPairs::Escape),
            ("a=%2", BadPairs::Escape),
            ("a=%zz", BadPairs::Escape),
            ("%-1=a", BadPairs::Escape),
            ("a=%é1", BadPairs::Escape),
            ("a=%ff", BadPairs::NotUtf8),
            ("a=%c0%af", BadPairs::NotUtf8),
            ("a=%00", BadPairs::Nul),
        ] {
            assert_eq!(parse_pairs(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_semicolon_leaves_encoded() {
        assert_eq!(encode_pairs(&pairs(&[("a", "1;b=2 &")])), "a=1%3Bb%3D2+%26");
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_reading(list in prop::collection::vec(("[^\0]{1,8}", "[^\0]{0,12}"), 0..5)) {
            prop_assert_eq!(parse_pairs(&encode_pairs(&list)), Ok(list));
        }
    }
}
