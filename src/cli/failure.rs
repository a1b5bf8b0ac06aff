//! Why a command did not do what it was asked, and with which code the process ends.

use super::output;
use crate::{config::ConfigErrors, identity::change::Refused, store::StoreError};
use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    NotDone = 1,
    Usage = 2,
    Refused = 3,
}

impl std::process::Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    NotDone(String),
    /// Not logged in, or not allowed.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Change(Refused),
    #[error("nothing was changed, because the audit log cannot be written")]
    NoAudit(#[source] StoreError),
    #[error("the change was made, but its outcome could not be written to the audit log")]
    Unrecorded(#[source] StoreError),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Store(error) => Self::Store(error),
            other => Self::Change(other),
        }
    }
}

impl Failure {
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            Self::NotDone(_) | Self::Store(_) | Self::Change(_) | Self::NoAudit(_) | Self::Unrecorded(_) => {
                Exit::NotDone
            }
        }
    }

    /// What goes to stderr: a line for each problem, and the causes below it.
    pub fn text(&self) -> String {
        if let Self::Config(errors) = self {
            return errors.iter().map(|error| line("error", error)).collect();
        }
        let mut text = line("error", self);
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&line("  because", error));
            cause = error.source();
        }
        text
    }

    pub fn print(&self) -> Exit {
        // When stderr is gone, the exit code is what is left to tell.
        let _ = io::stderr().write_all(self.text().as_bytes());
        self.exit()
    }
}

fn line(label: &str, error: &dyn Error) -> String {
    format!("{label}: {}\n", output::plain(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_below_their_effect_and_cannot_steer_the_terminal() {
        let cause = sqlx::Error::Protocol("bad \u{1b}[31m answer".to_owned());
        let failure = Failure::NoAudit(StoreError::Unavailable(cause));
        let lines: Vec<_> = failure.text().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "error: nothing was changed, because the audit log cannot be written");
        assert_eq!(lines[1], "  because: the database did not do its work");
        assert!(lines[2].contains(r"bad \u{1b}[31m answer"), "{}", lines[2]);
        assert_eq!(failure.exit(), Exit::NotDone);
    }

    #[test]
    fn a_cause_is_told_once() {
        let failure = Failure::from(StoreError::NotFound("the user a@b.c".to_owned()));
        assert_eq!(failure.text(), "error: the user a@b.c does not exist\n");
    }
}
