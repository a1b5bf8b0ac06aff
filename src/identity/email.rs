//! The canonical form of an e-mail address: what is stored, compared and shown.

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not an e-mail address; write it as name@example.com")]
pub struct InvalidEmail(String);

/// Lower-cases and checks: exactly one `@` with something on both sides, printable ASCII without blanks, at
/// most 254 characters.
pub fn canonical(text: &str) -> Result<String, InvalidEmail> {
    let trimmed = text.trim();
    let plausible = trimmed.len() <= 254
        && trimmed
            .chars()
            .all(|character| character.is_ascii_graphic() && !"<>\",;()[]\\".contains(character))
        && trimmed.split('@').count() == 2
        && trimmed.split('@').all(|part| !part.is_empty());
    if !plausible {
        return Err(InvalidEmail(text.chars().take(80).flat_map(char::escape_default).collect()));
    }
    Ok(trimmed.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_blanks() {
        assert_eq!(canonical(" Ada@Example.COM ").unwrap(), "ada@example.com");
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        for text in
            ["", "ada", "@example.com", "ada@", "a@b@c.com", "a b@c.com", "ada@exämple.com", "a\n@b.com"]
        {
            assert!(canonical(text).is_err(), "{text:?}");
        }
    }
}
