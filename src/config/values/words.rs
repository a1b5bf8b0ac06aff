//! Names, choices, paths and other words.

use super::Checked;
use crate::core::Secret;
use std::path::PathBuf;

/// Any text without control characters.
pub fn text(text: &str) -> Checked<String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character; write it on one line".into());
    }
    Ok(text.to_owned())
}

/// A secret that travels in one line. The error does not repeat it.
pub fn secret(text: &str) -> Checked<Secret> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character or a line break; write it on one line".into());
    }
    Ok(Secret::new(text))
}

pub fn switch(text: &str) -> Checked<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false; write one of the two".into()),
    }
}

/// One of a few words, in any case.
pub fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&str) -> Checked<T> {
    move |text| {
        if let Some((_, value)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Ok(*value);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        Err(format!("is not known; write one of {}", words.join(", ")))
    }
}

/// The name of a rack: `[a-z0-9-]{1,40}`.
pub fn name(text: &str) -> Checked<String> {
    let fits = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err("is not a name; write 1 to 40 of the characters a-z, 0-9 and -".into());
    }
    Ok(text.to_owned())
}

/// A pattern of repositories: names with `*` for a part and `**` for the rest.
pub fn repository_pattern(text: &str) -> Checked<String> {
    let plain = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "._-".contains(character)
    };
    let parts: Vec<_> = text.split('/').collect();
    let fits = |(index, part): (usize, &&str)| match *part {
        "*" => true,
        "**" => index + 1 == parts.len(),
        part => !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(plain),
    };
    if text.len() > 250 || !parts.iter().enumerate().all(fits) {
        return Err("is not a pattern of repositories; write for example base/** or tools/lint".into());
    }
    Ok(text.to_owned())
}

/// An e-mail address, in lower case; people are compared by it.
pub fn email(text: &str) -> Checked<String> {
    let mend = "is not an e-mail address; write for example ada@example.com";
    let (local, host) = text.split_once('@').ok_or(mend)?;
    let strange = |c: char| c.is_control() || c.is_whitespace();
    if local.is_empty() || host.is_empty() || host.contains('@') || text.len() > 254 || text.contains(strange)
    {
        return Err(mend.into());
    }
    Ok(text.to_lowercase())
}

/// The name of an environment variable.
pub fn variable_name(text: &str) -> Checked<String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("is not the name of a variable; write for example STRIPE_KEY".into());
    }
    Ok(text.to_owned())
}

pub fn path(text: &str) -> Checked<PathBuf> {
    self::text(text).map(PathBuf::from)
}

/// A path to a file that is there now.
pub fn existing_file(text: &str) -> Checked<PathBuf> {
    let path = path(text)?;
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err("is a directory; name a file".into()),
        Ok(_) => Ok(path),
        Err(error) => Err(format!("cannot be read: {error}; correct the path or its permissions")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        assert_eq!(switch("TRUE"), Ok(true));
        assert_eq!(switch("0"), Ok(false));
        assert!(switch("maybe").is_err());
    }

    #[test]
    fn choices_are_listed() {
        let choices = [("text", 1), ("json", 2)];
        assert_eq!(choice(&choices)("JSON"), Ok(2));
        assert_eq!(choice(&choices)("xml").unwrap_err(), "is not known; write one of text, json");
    }

    #[test]
    fn emails() {
        assert_eq!(email("Ada@Example.com").unwrap(), "ada@example.com");
        for text in ["", "ada", "@example.com", "ada@", "a@b@c", "a b@c", "a@b\n", "a@b c", "a\0@b"] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names() {
        for text in ["a", "prod-1", &"x".repeat(40)] {
            assert!(name(text).is_ok(), "{text}");
        }
        for text in ["", "Prod", "a.b", "a_b", "a/b", "é", &"x".repeat(41)] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variable_names() {
        assert!(variable_name("STRIPE_KEY2").is_ok());
        for text in ["", "2X", "A-B", "A B", "A=B"] {
            assert!(variable_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        assert!(existing_file(path.to_str().unwrap()).unwrap_err().contains("correct the path"));
        assert!(existing_file(dir.path().to_str().unwrap()).unwrap_err().contains("directory"));
        std::fs::write(&path, "x").unwrap();
        assert_eq!(existing_file(path.to_str().unwrap()), Ok(path));
    }

    #[test]
    fn secrets_stay_on_one_line() {
        assert!(secret("hunter2").is_ok());
        let error = secret("hunter2\nx").unwrap_err();
        assert!(!error.contains("hunter2"));
    }
}
