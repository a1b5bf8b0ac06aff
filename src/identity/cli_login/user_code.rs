//! The code that a person compares or types: eight consonants, so that no word and no mistaken digit comes up. There
//! are 20⁸ of them (25 billion), each for ten minutes.

use rand::Rng as _;
use std::fmt;

const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// The largest multiple of 20 in a byte: what is above would make some letters likelier.
const FAIR: u8 = 240;

/// Printed as `BCDF-GHJK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    pub fn generate() -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let mut bytes = [0u8; 16];
            rand::rng().fill_bytes(&mut bytes);
            let letters = bytes
                .iter()
                .filter(|byte| **byte < FAIR)
                .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().map(char::from));
            let missing = LENGTH - code.len();
            code.extend(letters.take(missing));
        }
        Self(code)
    }

    /// In either case, with or without hyphens and blanks.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 4 * LENGTH {
            return None;
        }
        let letters = text.chars().filter(|character| !matches!(character, '-' | ' '));
        let code: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
        let fits = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then_some(Self(code))
    }

    /// The letters alone, as they are stored.
    pub fn letters(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn codes_read_back_as_people_type_them() {
        for _ in 0..200 {
            let code = UserCode::generate();
            let shown = code.to_string();
            assert_eq!(shown.len(), 9, "{shown}");
            for typed in
                [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " ")]
            {
                assert_eq!(UserCode::parse(&typed), Some(code.clone()), "{typed}");
            }
        }
    }

    #[test]
    fn what_is_no_code() {
        for text in
            ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-EFGH", "BCDF_GHJK", "BCDFGHJ0", "ＢCDFGHJK", &"B".repeat(64)]
        {
            assert_eq!(UserCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_letter_is_about_as_likely() {
        let mut counts = HashMap::new();
        for letter in (0..2_000).flat_map(|_| UserCode::generate().0.into_bytes()) {
            *counts.entry(letter).or_insert(0) += 1;
        }
        // 800 each, with a standard deviation of 28.
        assert_eq!(counts.len(), LETTERS.len());
        assert!(counts.values().all(|count| (600..1_000).contains(count)), "{counts:?}");
    }
}
