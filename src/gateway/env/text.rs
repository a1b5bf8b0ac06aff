//! `KEY=VALUE` lines.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

/// More than this many variables no process is started with.
const MOST: usize = 10_000;

/// Variables in the order of their lines, each once.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnvText {
    variables: Vec<(String, String)>,
    /// Where each stands: looking through all of them for each line would take the square of the time.
    places: HashMap<String, usize>,
}

/// Lines count from 1. Nothing of a value is ever repeated here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadEnv {
    #[error("line {line} of the environment has no \"=\"; write KEY=VALUE, and no value over several lines")]
    NoEquals { line: usize },
    #[error(
        "line {line} of the environment has no variable's name before its \"=\"; a name has letters, digits, \
         \"_\", \"-\" and \".\", and begins with no digit"
    )]
    BadKey { line: usize },
    #[error("line {line} of the environment sets {key} a second time; set it once")]
    Duplicate { line: usize, key: String },
    #[error("the environment has more than {MOST} variables; set fewer")]
    TooMany,
}

impl EnvText {
    /// Reads what a client posts. Blank lines and CRLF are fine; what a rack would skip silently is refused.
    pub fn parse(text: &str) -> Result<Self, BadEnv> {
        let mut env = Self::default();
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() {
                continue;
            }
            let Some((key, value)) = content.split_once('=') else { return Err(BadEnv::NoEquals { line }) };
            let key = key.trim();
            if !is_name(key) {
                return Err(BadEnv::BadKey { line });
            }
            if env.get(key).is_some() {
                return Err(BadEnv::Duplicate { line, key: key.to_owned() });
            }
            if env.variables.len() == MOST {
                return Err(BadEnv::TooMany);
            }
            env.set(key, value);
        }
        Ok(env)
    }

    /// Reads what a rack has stored, as a rack reads it: lines that are no variables are skipped, and of two
    /// values the last counts.
    pub fn of_release(text: &str) -> Self {
        let mut env = Self::default();
        for (key, value) in text.lines().filter_map(variable) {
            env.set(key, value);
        }
        env
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.variables.get(*self.places.get(key)?)?;
        Some(value)
    }

    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.places.entry(key.to_owned()) {
            Entry::Occupied(place) => {
                if let Some(variable) = self.variables.get_mut(*place.get()) {
                    variable.1 = value;
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.variables.len());
                self.variables.push((key.to_owned(), value));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// The text as a rack stores it: no newline at the end.
    pub fn to_text(&self) -> String {
        let lines: Vec<_> = self.iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.join("\n")
    }
}

/// Names only.
impl fmt::Debug for EnvText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

/// Key and value of a line that is a variable.
pub(super) fn variable(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    is_name(key).then_some((key, value))
}

/// The names that Kubernetes allows.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.bytes().all(plain) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_in_order() {
        let env = EnvText::parse("B=2\r\n\r\nA=x=y=\n  \nEMPTY=\nURL=http://h/?a=b&c=d \n").unwrap();
        let pairs: Vec<_> = env.iter().collect();
        assert_eq!(pairs, [("B", "2"), ("A", "x=y="), ("EMPTY", ""), ("URL", "http://h/?a=b&c=d ")]);
        assert_eq!(env.to_text(), "B=2\nA=x=y=\nEMPTY=\nURL=http://h/?a=b&c=d ");
        assert!(EnvText::parse("").unwrap().is_empty());
    }

    #[test]
    fn refuses_by_line_and_shows_no_value() {
        for (text, error) in [
            ("A=1\nhunter2", BadEnv::NoEquals { line: 2 }),
            ("\n\n=hunter2", BadEnv::BadKey { line: 3 }),
            ("1A=hunter2", BadEnv::BadKey { line: 1 }),
            ("A B=hunter2", BadEnv::BadKey { line: 1 }),
            ("é=hunter2", BadEnv::BadKey { line: 1 }),
            ("A=1\nB=2\nA=hunter2", BadEnv::Duplicate { line: 3, key: "A".into() }),
            ("A=1\n A =hunter2", BadEnv::Duplicate { line: 2, key: "A".into() }),
        ] {
            let given = EnvText::parse(text).unwrap_err();
            assert!(!given.to_string().contains("hunter2"));
            assert_eq!(given, error, "{text}");
        }
    }

    #[test]
    fn as_many_as_a_process_is_started_with() {
        let many = |count: usize| (0..count).map(|n| format!("V{n}=\n")).collect::<String>();
        assert_eq!(EnvText::parse(&many(MOST)).unwrap().get("V9999"), Some(""));
        assert_eq!(EnvText::parse(&many(MOST + 1)), Err(BadEnv::TooMany));
    }

    /// In a debug build the square of this many took more than an hour.
    #[test]
    fn a_stored_text_of_many_lines_is_read_in_one_pass() {
        let text: String = (0..300_000).map(|n| format!("V{n}=\n")).collect();
        assert_eq!(EnvText::of_release(&text).iter().count(), 300_000);
    }

    #[test]
    fn stored_text_is_read_as_a_rack_reads_it() {
        let stored = EnvText::of_release("A=1\n-----BEGIN KEY-----\nMII+/==\nB=2\nA=3");
        assert_eq!(stored.iter().collect::<Vec<_>>(), [("A", "3"), ("B", "2")]);
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", EnvText::parse("A=hunter2").unwrap()), "[\"A\"]");
    }
}
