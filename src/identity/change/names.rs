//! What names and free text may look like. The problem is a phrase that tells how to mend it.

use uuid::Uuid;

/// The name of a custom role.
pub fn role(text: &str) -> Result<String, String> {
    let mut characters = text.chars();
    let well_formed = characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|other| other.is_ascii_lowercase() || other.is_ascii_digit() || other == '-')
        && text.len() <= 40;
    if !well_formed {
        return Err("a role's name begins with a letter and has at most 40 of a-z, 0-9 and -".to_owned());
    }
    Ok(text.to_owned())
}

/// A name that cannot be taken for an id, so that a token may be named by either.
pub fn token(text: &str) -> Result<String, String> {
    let name = line(text)?;
    if name.is_empty() {
        return Err("a token needs a name; write for example ci-production".to_owned());
    }
    if Uuid::parse_str(&name).is_ok() {
        return Err("a token's name must not look like an id".to_owned());
    }
    Ok(name)
}

/// Free text on one line: names, descriptions, reasons.
pub fn line(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    if trimmed.chars().count() > 200 {
        return Err("write at most 200 characters".to_owned());
    }
    if trimmed.chars().any(|character| character.is_control() || is_direction(character)) {
        return Err("write one line without control characters".to_owned());
    }
    Ok(trimmed.to_owned())
}

/// Characters that turn the direction of writing can make a name look like another.
const fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names() {
        for text in ["a", "night-shift", "r2", &"a".repeat(40)] {
            assert_eq!(role(text).as_deref(), Ok(text));
        }
        for text in ["", "2r", "-a", "Night", "a_b", "a b", "é", "a\n", &"a".repeat(41)] {
            assert!(role(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn token_names() {
        assert_eq!(token(" ci / staging ").unwrap(), "ci / staging");
        let long = "a".repeat(201);
        let odd =
            ["", "  ", "a\nb", "\u{1b}[2J", "a\u{202e}b", "0190163d-8694-739b-aea5-966c26f8ad91", &long];
        for text in odd {
            assert!(token(text).is_err(), "{text:?}");
        }
    }
}
