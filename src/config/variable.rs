//! What one setting is: its names, its default, and what it means.

use super::section::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    /// Never printed; `<NAME>_FILE` may name a file that holds it.
    Secret,
}

/// One row: a setting.
#[derive(Debug)]
pub struct Variable {
    /// In the environment.
    pub name: &'static str,
    pub section: Section,
    /// In the table of its section; empty when the file cannot hold it.
    pub key: &'static str,
    /// As it would be written; empty when there is none.
    pub default: &'static str,
    pub kind: Kind,
    pub meaning: &'static str,
}

impl Variable {
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}
