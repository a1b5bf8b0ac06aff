//! JSON that is safe to look at: what acts on a terminal is written as `\uXXXX`, which says the same.

use crate::core::control::acts_on_the_reader;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

pub fn to_vec(value: &impl Serialize, capacity: usize) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(capacity);
    value.serialize(&mut Serializer::with_formatter(&mut out, Harmless))?;
    Ok(out)
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

    proptest! {
        #[test]
        fn says_the_same_and_acts_on_nobody(text in any::<String>(), nasty in "[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{2070}\u{e0001}]{0,9}") {
            let text = format!("{text}{nasty}{text}");
            let json = String::from_utf8(to_vec(&text, 0).unwrap()).unwrap();
            prop_assert!(!json.contains(acts_on_the_reader));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
