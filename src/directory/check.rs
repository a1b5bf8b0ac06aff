//! How it is found out whether an instance lives.

use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// A connection must come about.
    #[default]
    Tcp,
    /// A `GET` must be answered as expected.
    Http,
    /// The instance's own heartbeats tell.
    Ttl,
    /// Nobody asks; what was registered counts.
    None,
}

impl CheckKind {
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Http, Self::Ttl, Self::None];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Ttl => "ttl",
            Self::None => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether the gateway goes and looks.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Tcp | Self::Http)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub kind: CheckKind,
    /// What an HTTP check asks for; the instance's own path when empty.
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    /// The answer of an HTTP check that counts as well; any of 200 to 299 when absent.
    pub expect: Option<u16>,
    pub failures_before_critical: u16,
    pub successes_before_passing: u16,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            kind: CheckKind::Tcp,
            path: String::new(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(3),
            expect: None,
            failures_before_critical: 2,
            successes_before_passing: 1,
        }
    }
}
