//! What a command prints: a text for people or JSON for programs on stdout, remarks on stderr.

use super::failure::Exit;
use crate::core::Timestamp;
use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{self, Write},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Sentences and tables for people
    #[default]
    Text,
    /// One JSON document, whose keys stay as they are
    Json,
    /// Tables with more columns, where there are more
    Wide,
}

/// What came of a command.
#[derive(Debug)]
pub struct Report {
    text: String,
    wide: Option<String>,
    json: Value,
    remarks: Vec<String>,
    exit: Exit,
}

impl Report {
    pub fn new(text: impl Into<String>, json: &impl Serialize) -> Self {
        // The values printed are plain structs, which always have a form in JSON.
        let json = serde_json::to_value(json).unwrap_or_default();
        Self { text: text.into(), wide: None, json, remarks: Vec::new(), exit: Exit::Done }
    }

    /// Adds a sentence for people only; it goes to stderr and never into a pipe.
    #[must_use]
    pub fn remark(mut self, sentence: impl Into<String>) -> Self {
        self.remarks.push(sentence.into());
        self
    }

    /// The text with more columns.
    #[must_use]
    pub fn with_wide(mut self, wide: String) -> Self {
        self.wide = Some(wide);
        self
    }

    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Prints it. Output that cannot be written makes the command fail: somebody may wait for a token.
    pub fn print(&self, format: OutputFormat) -> Exit {
        let mut errors = io::stderr().lock();
        for remark in &self.remarks {
            let _ = writeln!(errors, "{}", plain(remark));
        }
        let body = match format {
            OutputFormat::Text => lines(&self.text),
            OutputFormat::Wide => lines(self.wide.as_ref().unwrap_or(&self.text)),
            OutputFormat::Json => json_text(&self.json),
        };
        match write_all(&mut io::stdout().lock(), &body) {
            Ok(()) => self.exit,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.exit,
            Err(error) => {
                let _ = writeln!(errors, "error: the output could not be written: {error}");
                Exit::NotDone
            }
        }
    }
}

fn lines(text: &str) -> String {
    text.lines().map(|line| plain(line) + "\n").collect()
}

fn write_all(out: &mut impl Write, body: &str) -> io::Result<()> {
    out.write_all(body.as_bytes())?;
    if !body.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A table without borders; its cells are made harmless.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Text of others as it may go to a terminal: what moves the cursor, colours, or reorders is escaped.
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// JSON is escaped below U+0020 only; terminals obey a few more characters.
fn json_text(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe = String::with_capacity(pretty.len());
    for character in pretty.chars() {
        if character != '\n' && steers(character) {
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Control characters, line separators, and the invisible ones that change the direction of text. All of
/// them are below U+10000.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// A time to the second, for tables.
pub fn time(at: Timestamp) -> String {
    let full = at.to_string();
    full.get(..19).map_or_else(|| full.clone(), |seconds| format!("{seconds}Z"))
}

/// A time, or `word` where there is none.
pub fn time_or(at: Option<Timestamp>, word: &str) -> String {
    at.map_or_else(|| word.to_owned(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_have_no_borders() {
        let rows = [["a@b.c".to_owned(), "x".to_owned()], ["long@example.com".to_owned(), String::new()]];
        assert_eq!(
            table(["EMAIL", "NAME"], rows),
            "EMAIL             NAME\na@b.c             x\nlong@example.com"
        );
        assert_eq!(table(["EMAIL", "NAME"], []), "EMAIL  NAME");
    }

    #[test]
    fn stored_text_cannot_steer_the_terminal() {
        let hostile = "a\u{1b}[2Jb\nc\u{9b}31m\u{202e}d\u{7f}";
        let shown = table(["NAME"], [[hostile.to_owned()]]);
        assert_eq!(shown, "NAME\na\\u{1b}[2Jb\\u{a}c\\u{9b}31m\\u{202e}d\\u{7f}");
        let json = json_text(&Value::from(hostile));
        assert!(json.chars().all(|character| !steers(character)), "{json}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), Value::from(hostile));
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time(Timestamp::from_micros(1_769_860_800_999_999)), "2026-01-31T12:00:00Z");
    }
}
