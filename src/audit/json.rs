//! JSON that is safe to look at: what acts on a terminal is written as `\uXXXX`, which says the same.

use crate::core::control::acts_on_the_reader;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::{
    io::{self, Write},
    sync::Arc,
};
use uuid::{Uuid, fmt::Hyphenated};

/// A JSON object that is written field by field, without the detours of a general serialiser: one is written for
/// every request.
pub struct Object(Vec<u8>);

impl Object {
    /// `capacity` in bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'{');
        Self(out)
    }

    /// `key` is plain.
    fn key(&mut self, key: &'static str) {
        self.0.extend_from_slice(if self.0.len() > 1 { b",\"" } else { b"\"" });
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    pub fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        if value.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.0.push(b'"');
            self.0.extend_from_slice(value.as_bytes());
            self.0.push(b'"');
            return;
        }
        // Writing to a vector cannot fail, and neither can a string.
        let mut serializer = Serializer::with_formatter(&mut self.0, Harmless);
        let _ = value.serialize(&mut serializer);
    }

    pub fn number(&mut self, key: &'static str, value: u64) {
        self.key(key);
        let (mut digits, mut rest) = ([0; 20], value);
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            start -= 1;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(start..).unwrap_or_default());
    }

    pub fn id(&mut self, key: &'static str, id: &Uuid) {
        self.text(key, id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
    }

    /// Any other value.
    pub fn value(&mut self, key: &'static str, value: &impl Serialize) {
        self.key(key);
        let _ = value.serialize(&mut Serializer::with_formatter(&mut self.0, Harmless));
    }

    /// The whole object, which is UTF-8 as all its parts are.
    pub fn end(mut self) -> Arc<str> {
        self.0.push(b'}');
        // What replaces bad bytes looks at each byte; the check that there are none looks at many at once.
        str::from_utf8(&self.0).map_or_else(|_| String::from_utf8_lossy(&self.0).into(), Arc::from)
    }
}

/// A character that stands for itself, in JSON and on a terminal.
const fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte < 0x7f) & (byte != b'"') & (byte != b'\\')
}

/// Compact. JSON itself demands escapes for the first 32 characters only.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        const DELETE: u8 = 0x7f;
        if fragment.is_ascii() && !fragment.as_bytes().contains(&DELETE) {
            return writer.write_all(fragment.as_bytes());
        }
        for part in fragment.split_inclusive(acts_on_the_reader) {
            let acting = part.chars().next_back().filter(|last| acts_on_the_reader(*last));
            let Some(acting) = acting else {
                writer.write_all(part.as_bytes())?;
                continue;
            };
            writer.write_all(part.strip_suffix(acting).unwrap_or_default().as_bytes())?;
            for unit in acting.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(value: &str) -> String {
        let mut object = Object::with_capacity(0);
        object.text("a", value);
        object.end().to_string()
    }

    #[test]
    fn an_object_is_what_the_general_serialiser_writes() {
        let mut object = Object::with_capacity(16);
        object.text("plain", "bench-1@example.com /apps/{app}");
        object.text("quoted", "a\"b\\c\n\u{1}é");
        object.value("list", &[1, 2]);
        for (key, number) in
            [("zero", 0), ("one", 1), ("ten", 10), ("many", 1_234_567_890), ("most", u64::MAX)]
        {
            object.number(key, number);
        }
        object.value("below", &-7);
        let expected = serde_json::json!({
            "plain": "bench-1@example.com /apps/{app}", "quoted": "a\"b\\c\n\u{1}é", "list": [1, 2],
            "zero": 0, "one": 1, "ten": 10, "many": 1_234_567_890, "most": u64::MAX, "below": -7,
        });
        assert_eq!(*object.end(), expected.to_string());
        assert_eq!(&*Object::with_capacity(0).end(), "{}");
    }

    proptest! {
        #[test]
        fn says_the_same_and_acts_on_nobody(text in any::<String>(), nasty in "[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{2070}\u{e0001}]{0,9}") {
            let text = format!("{text}{nasty}{text}");
            let json = one(&text);
            prop_assert!(!json.contains(acts_on_the_reader));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"], &text);
        }

        #[test]
        fn plain_text_is_written_as_any_other(text in "[ -~]{0,40}") {
            prop_assert_eq!(one(&text), serde_json::json!({ "a": text }).to_string());
        }
    }
}
