//! The application log on stderr.

use super::{
    reader::{Place, Reader},
    values::{choice, switch},
    variables::{LOG_FORMAT, LOG_LEVEL, LOG_UNSAFE_HEADERS},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    pub level: LogLevel,
    pub format: LogFormat,
    /// Credentials in headers are written as they are.
    pub unsafe_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    /// Only what ends the process.
    Fatal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
    Pretty,
}

const LEVELS: [(&str, LogLevel); 6] = [
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("fatal", LogLevel::Fatal),
];

const FORMATS: [(&str, LogFormat); 3] =
    [("text", LogFormat::Text), ("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];

pub(super) fn read(r: &mut Reader<'_>) -> Option<LogConfig> {
    let level = r.required(&LOG_LEVEL, choice(&LEVELS));
    let format = r.required(&LOG_FORMAT, choice(&FORMATS));
    let unsafe_headers = r.required(&LOG_UNSAFE_HEADERS, switch);
    if unsafe_headers == Some(true) {
        r.warn_about(&Place::from(&LOG_UNSAFE_HEADERS), "credentials in headers are written to the log");
    }
    Some(LogConfig { level: level?, format: format?, unsafe_headers: unsafe_headers? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load};

    #[test]
    fn defaults_and_choices() {
        let expected = LogConfig { level: LogLevel::Info, format: LogFormat::Text, unsafe_headers: false };
        assert_eq!(load([]).log, expected);
        let log = load([("LOG_LEVEL", "FATAL"), ("LOG_FORMAT", "json")]).log;
        assert_eq!((log.level, log.format), (LogLevel::Fatal, LogFormat::Json));
        assert_eq!(
            error([("LOG_LEVEL", "loud")]),
            "environment: LOG_LEVEL: \"loud\" is not known; write one of trace, debug, info, warn, error, fatal"
        );
    }

    #[test]
    fn writing_credentials_is_doubtful() {
        let config = load([("LOG_UNSAFE_HEADERS", "true")]);
        assert!(config.log.unsafe_headers);
        assert_eq!(config.warnings.len(), 1);
    }
}
