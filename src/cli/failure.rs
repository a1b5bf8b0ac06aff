//! Why a command did not do what it was asked, and with which code the process ends.

use super::output;
use crate::{config::ConfigErrors, identity::change::Refused, observe::log::write_stderr, store::StoreError};
use std::{error::Error, process::ExitCode};

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
        match self {
            Self::Config(errors) => problems(errors),
            other => told(other),
        }
    }

    pub fn print(&self) -> Exit {
        // When stderr is gone, the exit code is what is left to tell.
        write_stderr(&self.text());
        self.exit()
    }
}

/// An error and its causes as they stand on stderr, a line each. A cause that the line above repeats is left out.
pub fn told(error: &dyn Error) -> String {
    let mut above = error.to_string();
    let mut text = line("error", &above);
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !above.contains(&words) {
            text.push_str(&line("  because", &words));
            above = words;
        }
        cause = error.source();
    }
    text
}

/// Each problem of a configuration, a line each.
pub fn problems(errors: &ConfigErrors) -> String {
    errors.iter().map(|error| line("error", &error.to_string())).collect()
}

fn line(label: &str, words: &str) -> String {
    format!("{label}: {}\n", output::plain(words))
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

        /// Repeats its cause or not.
        #[derive(Debug, thiserror::Error)]
        enum Effect {
            #[error("cannot listen: {0}")]
            Repeats(#[source] std::io::Error),
            #[error("it did not start")]
            Hides(#[source] Box<Effect>),
        }
        let taken = || std::io::Error::other("the port is taken");
        assert_eq!(told(&Effect::Repeats(taken())), "error: cannot listen: the port is taken\n");
        assert_eq!(
            told(&Effect::Hides(Box::new(Effect::Repeats(taken())))),
            "error: it did not start\n  because: cannot listen: the port is taken\n"
        );
    }
}
