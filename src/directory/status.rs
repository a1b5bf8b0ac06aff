//! The words for how an instance or a node is.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// How an instance is, as far as is known. The words are those of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    Healthy,
    /// It answers, but slowly or busily.
    Degraded,
    /// It cannot be connected to, or its lease ran out.
    Unreachable,
    /// It answers, and what it says is not well.
    Error,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Healthy, Self::Degraded, Self::Unreachable, Self::Error];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Unreachable => "Unreachable",
            Self::Error => "Error",
        }
    }

    /// Case does not matter to people who type it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether calls may go to an instance that is so.
    pub const fn takes_calls(self) -> bool {
        matches!(self, Self::Unknown | Self::Healthy | Self::Degraded)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a node is, by the age of its last heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum NodeStatus {
    Alive,
    Suspect,
    Gone,
}

impl NodeStatus {
    pub const ALL: [Self; 3] = [Self::Alive, Self::Suspect, Self::Gone];
    const ALIVE: Duration = Duration::from_secs(30);
    const SUSPECT: Duration = Duration::from_secs(90);

    pub fn by_age(age: Duration) -> Self {
        match age {
            age if age <= Self::ALIVE => Self::Alive,
            age if age <= Self::SUSPECT => Self::Suspect,
            _ => Self::Gone,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "Alive",
            Self::Suspect => "Suspect",
            Self::Gone => "Gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(Status::parse(&status.as_str().to_lowercase()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(Status::parse("Fine"), None);
    }

    #[test]
    fn calls_go_where_they_may_be_answered() {
        let callable: Vec<_> = Status::ALL.into_iter().filter(|status| status.takes_calls()).collect();
        assert_eq!(callable, [Status::Unknown, Status::Healthy, Status::Degraded]);
    }

    #[test]
    fn nodes_age() {
        for (seconds, status) in [
            (0, NodeStatus::Alive),
            (30, NodeStatus::Alive),
            (31, NodeStatus::Suspect),
            (90, NodeStatus::Suspect),
            (91, NodeStatus::Gone),
        ] {
            assert_eq!(NodeStatus::by_age(Duration::from_secs(seconds)), status, "{seconds}");
        }
    }
}
