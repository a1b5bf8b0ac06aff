//! The record that can be trusted: one scope a request, closed on every path; intents that are on disk before
//! anything is changed; one writer that commits in groups. Decides nothing.

mod json;
mod local;
mod own;
mod record;
mod scope;
mod stdout;
mod writer;

pub use local::{LocalChange, LocalEvent};
pub use own::OwnAct;
pub use record::{Decision, Record};
pub use scope::{ByteCounters, Scope, Seen, Traffic};
pub use stdout::LineSink;
pub use writer::{AuditUnavailable, Writer, WriterOptions};

use crate::core::SharedClock;
use std::sync::Arc;

/// Opens scopes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    writer: Writer,
    lines: LineSink,
    clock: SharedClock,
}

impl Audit {
    pub fn new(writer: Writer, lines: LineSink, clock: SharedClock) -> Self {
        Self { writer, lines, clock }
    }

    /// Opens the scope of a request and reserves room for its record. Without room, or while the store cannot
    /// take records, nothing may be served.
    pub fn open(&self, seen: Seen) -> Result<Scope, AuditUnavailable> {
        let room = self.writer.reserve()?;
        Ok(Scope::new(self.clone(), room, Record::begin(seen, self.clock.now())))
    }

    pub fn is_available(&self) -> bool {
        self.writer.is_available()
    }

    fn now_line(&self, line: &str) {
        self.lines.write_line(line);
    }

    fn writer(&self) -> &Writer {
        &self.writer
    }
}

/// An e-mail address that stands in the record of a caller who is not known.
pub(crate) fn nobody() -> Arc<str> {
    static NOBODY: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
    NOBODY.clone()
}
