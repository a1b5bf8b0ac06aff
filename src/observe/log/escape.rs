//! Keeps a value from acting on the reader: no forged line, no terminal sequence, no reversed text.

use crate::core::control::acts_on_the_reader;
use std::fmt::Write as _;

/// Appends `text` as part of a plain line.
pub(super) fn push_plain(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts_on_the_reader(c) => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
    }
}

/// Appends a value of `key=value`; in quotes when it would not be seen as one word.
pub(super) fn push_value(out: &mut String, text: &str) {
    let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"=\\".contains(c));
    if is_word {
        return push_plain(out, text);
    }
    out.push('"');
    push_plain(out, &text.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}

/// Appends a finished JSON text. Its own escapes cover only the first 32 characters; the others that act on
/// the reader stand inside strings, where `\uXXXX` says the same.
pub(super) fn push_json(out: &mut String, json: &str) {
    for c in json.chars() {
        if !acts_on_the_reader(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_that_are_not_one_word_are_quoted() {
        for (value, shown) in [
            ("5", "5"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("x status=200", "\"x status=200\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("a\nb", "\"a\\nb\""),
        ] {
            let mut out = String::new();
            push_value(&mut out, value);
            assert_eq!(out, shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_acts_on_the_reader(text in any::<String>(), nasty in "[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{2070}]{0,9}") {
            let text = format!("{text}{nasty}{text}");
            let (mut plain, mut json) = (String::new(), String::new());
            push_plain(&mut plain, &text);
            push_value(&mut plain, &text);
            let source = serde_json::to_string(&text).unwrap();
            push_json(&mut json, &source);
            prop_assert!(!plain.contains(acts_on_the_reader) && !json.contains(acts_on_the_reader));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
