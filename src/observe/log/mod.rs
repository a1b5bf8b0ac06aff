//! The application log: one line an event, on standard error only, because standard output belongs to the
//! audit record. Secrets are taken out and characters that act on the reader are escaped at every level.

mod escape;
mod fields;
mod format;
mod layer;

use crate::{
    core::{SharedClock, SystemClock},
    observe::errors::Crumbs,
};
use format::Origin;
use layer::{HeaderSight, LogLayer, Sink};
use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    fs,
    io::{self, Write as _},
    panic, process,
    str::FromStr,
    sync::{Arc, OnceLock},
    thread,
};
use time::UtcOffset;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Registry, filter::Targets, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

/// Target of an error after which the process ends: `tracing::error!(target: observe::log::FATAL, "…")`.
pub const FATAL: &str = "rack_gateway::fatal";

/// Whose events follow the configured level; everybody else must have something to warn about.
const OURS: &str = "rack_gateway";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
    /// Lets errors through like [`Level::Error`].
    Fatal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `2025/01/29 12:34:56 message key=value`, in UTC.
    #[default]
    Text,
    /// One object a line.
    Json,
    /// `[10:30:00 +0800] INFO: message {"key": value}`, in local time.
    Pretty,
}

/// What happens to fields that carry a secret header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Headers {
    #[default]
    Redacted,
    /// Shown as they are when the level is debug or trace. For local debugging only.
    Shown,
}

#[derive(Debug, Clone)]
pub struct LogOptions {
    pub level: Level,
    pub format: Format,
    pub headers: Headers,
    pub clock: SharedClock,
    /// Remembers the last lines for error reports.
    pub crumbs: Option<Crumbs>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            level: Level::default(),
            format: Format::default(),
            headers: Headers::default(),
            clock: Arc::new(SystemClock),
            crumbs: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("unknown log level {0:?}: write trace, debug, info, warn, error or fatal")]
    UnknownLevel(String),
    #[error("unknown log format {0:?}: write text, json or pretty")]
    UnknownFormat(String),
    #[error("the log is already set up")]
    AlreadySet,
}

impl FromStr for Level {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" => Self::Error,
            "fatal" => Self::Fatal,
            _ => return Err(LogError::UnknownLevel(text.into())),
        })
    }
}

impl FromStr for Format {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "text" => Self::Text,
            "json" => Self::Json,
            "pretty" => Self::Pretty,
            _ => return Err(LogError::UnknownFormat(text.into())),
        })
    }
}

/// Sends every event and every panic of the process to standard error. Call it once, before other threads
/// start (the local time zone is read here) and before error reporting, which passes panics on to the log.
pub fn init(options: LogOptions) -> Result<(), LogError> {
    let (filter, handle) = reload::Layer::new(filter(options.level));
    let layer = layer(options, Arc::new(write_stderr));
    let headers = layer.headers.clone();
    tracing_subscriber::registry().with(filter).with(layer).try_init().map_err(|_| LogError::AlreadySet)?;
    let _ = SWITCH.set(Switch { filter: handle, headers });
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// From now on events of this level and above are written. Without effect before [`init`].
pub fn set_level(level: Level) {
    let Some(switch) = SWITCH.get() else { return };
    switch.headers.follow(level);
    // Fails only when the subscriber is gone, and it lives as long as the process.
    let _ = switch.filter.reload(filter(level));
}

static SWITCH: OnceLock<Switch> = OnceLock::new();

/// What follows the level of the log that is set up.
struct Switch {
    filter: reload::Handle<Targets, Registry>,
    headers: Arc<HeaderSight>,
}

fn layer(options: LogOptions, sink: Sink) -> LogLayer {
    let headers = Arc::new(HeaderSight::new(options.headers, options.level));
    let offset = match options.format {
        Format::Pretty => UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC),
        Format::Text | Format::Json => UtcOffset::UTC,
    };
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "unknown".into());
    let origin = Origin { pid: process::id(), hostname: hostname.trim().into(), offset };
    LogLayer { format: options.format, headers, origin, clock: options.clock, sink, crumbs: options.crumbs }
}

fn filter(level: Level) -> Targets {
    let ours = match level {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error | Level::Fatal => LevelFilter::ERROR,
    };
    let theirs = if level == Level::Trace { ours } else { ours.min(LevelFilter::WARN) };
    Targets::new().with_default(theirs).with_target(OURS, ours)
}

/// Writes text, which ends its own lines, to standard error. What cannot be written must not stop the work that it
/// tells about; the macros of the standard library would panic.
pub fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let thread = thread::current();
    let backtrace = Backtrace::capture();
    tracing::error!(
        location = info.location().map(tracing::field::display),
        thread = thread.name().unwrap_or("unnamed"),
        backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
        "panic: {}",
        panic_text(info.payload())
    );
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("of unknown kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Timestamp, clock::FixedClock};
    use std::{env, process::Command, sync::Mutex};

    /// The lines that `work` logs under `options`.
    fn logged(options: LogOptions, work: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink: Sink = Arc::new({
            let lines = Arc::clone(&lines);
            move |line: &str| lines.lock().unwrap().push(line.to_owned())
        });
        let subscriber =
            tracing_subscriber::registry().with(filter(options.level)).with(layer(options, sink));
        tracing::subscriber::with_default(subscriber, work);
        Arc::into_inner(lines).unwrap().into_inner().unwrap()
    }

    fn options(level: Level, format: Format) -> LogOptions {
        let clock = FixedClock::at(Timestamp::parse("2025-01-29T12:34:56Z").unwrap());
        LogOptions { level, format, clock, ..LogOptions::default() }
    }

    #[test]
    fn the_published_line() {
        let lines = logged(options(Level::Info, Format::Text), || {
            tracing::info!(
                "WebAuthn enabled: rpid={} origin={}",
                "gateway.example.com",
                "https://gateway.example.com"
            );
        });
        assert_eq!(
            lines,
            [
                "2025/01/29 12:34:56 WebAuthn enabled: rpid=gateway.example.com origin=https://gateway.example.com\n"
            ]
        );
    }

    #[test]
    fn levels_and_noise() {
        let count = |level| {
            logged(options(level, Format::Text), || {
                tracing::error!(target: FATAL, "f");
                tracing::error!("e");
                tracing::warn!("w");
                tracing::info!("i");
                tracing::debug!("d");
                tracing::trace!("t");
                tracing::warn!(target: "sqlx::query", "slow");
                tracing::info!(target: "hyper", "noise");
                tracing::debug!(target: "rustls", "noise");
                tracing::trace!(target: "h2", "noise");
            })
            .len()
        };
        use Level::*;
        assert_eq!([Trace, Debug, Info, Warn, Error, Fatal].map(count), [10, 6, 5, 4, 2, 2]);
    }

    #[test]
    fn fatal_has_its_own_number() {
        let lines = logged(options(Level::Fatal, Format::Json), || tracing::error!(target: FATAL, "bye"));
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["level"], &line["msg"]), (&60.into(), &"bye".into()));
    }

    #[test]
    fn secrets_are_gone_in_every_format_and_level() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only its debug format is looked at")]
        struct Login {
            password: &'static str,
        }
        for format in [Format::Text, Format::Json, Format::Pretty] {
            for level in [Level::Trace, Level::Info, Level::Error] {
                let lines = logged(options(level, format), || {
                    let span = tracing::error_span!("request", cookie = "CANARY", user = "ann");
                    let _entered = span.enter();
                    tracing::error!(
                        authorization = "CANARY",
                        "x-registry-token" = "CANARY",
                        totp = 11_223_344,
                        login = ?Login { password: "CANARY" },
                        url = %"https://u:CANARY@h/?token=CANARY",
                        "Bearer CANARY and rgw_CANARY123"
                    );
                });
                let line = lines.concat();
                assert!(!line.contains("CANARY") && !line.contains("11223344"), "{line}");
                assert!(line.contains("ann") && line.contains("[REDACTED]"), "{line}");
            }
        }
    }

    #[test]
    fn headers_are_shown_only_when_asked_and_debugging() {
        let shows = |level, headers| {
            let lines = logged(LogOptions { headers, ..options(level, Format::Text) }, || {
                tracing::error!(authorization = "Bearer abc", password = "CANARY");
            });
            assert!(!lines.concat().contains("CANARY"));
            lines.concat().contains("Bearer abc")
        };
        assert!(shows(Level::Debug, Headers::Shown));
        assert!(!shows(Level::Info, Headers::Shown));
        assert!(!shows(Level::Trace, Headers::Redacted));
    }

    #[test]
    fn values_cannot_forge_lines_or_drive_terminals() {
        let nasty = "a\n2025/01/29 12:34:56 forged\r\u{1b}[31m\u{9b}1m\u{202e}\u{2028}\u{7f}";
        for format in [Format::Text, Format::Json, Format::Pretty] {
            let lines =
                logged(options(Level::Info, format), || tracing::info!(agent = nasty, "seen {nasty}"));
            let line = lines.concat();
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            let inner = line.trim_end_matches('\n');
            assert!(
                !inner.contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{2028}'),
                "{inner:?}"
            );
        }
    }

    #[test]
    fn spans_add_their_fields_and_types_survive() {
        let lines = logged(options(Level::Info, Format::Json), || {
            let span = tracing::info_span!("request", request_id = "r1", status = tracing::field::Empty);
            span.record("status", 503_u16);
            let _entered = span.enter();
            tracing::info!(ok = false, ratio = 0.5, r#type = "t", long = "x".repeat(20_000), "done");
        });
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["request_id"], &line["status"]), (&"r1".into(), &503.into()));
        assert_eq!((&line["ok"], &line["ratio"], &line["type"]), (&false.into(), &0.5.into(), &"t".into()));
        assert!(line["long"].as_str().unwrap().ends_with("… (3616 bytes more)"));
    }

    #[test]
    fn bad_settings_name_the_choices() {
        assert_eq!("WARN".parse::<Level>().unwrap(), Level::Warn);
        assert_eq!("pretty".parse::<Format>().unwrap(), Format::Pretty);
        let error = "loud".parse::<Level>().unwrap_err().to_string();
        assert!(error.contains("\"loud\"") && error.contains("trace, debug, info, warn, error or fatal"));
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("text, json or pretty"));
    }

    /// `init` sets the whole process up, so it is tried in one of its own: this test starts itself again.
    #[test]
    fn init_writes_lines_and_panics_to_stderr_only() {
        if env::var_os("OBSERVE_LOG_CHILD").is_some() {
            init(LogOptions { format: Format::Json, ..LogOptions::default() }).unwrap();
            assert!(matches!(init(LogOptions::default()), Err(LogError::AlreadySet)));
            tracing::info!(port = 8080, "Server listening");
            let _ = thread::spawn(|| panic!("lost DB_PASSWORD=CANARY")).join();
            return;
        }
        let name = "observe::log::tests::init_writes_lines_and_panics_to_stderr_only";
        let mut child = Command::new(env::current_exe().unwrap());
        let output =
            child.args(["--exact", name, "--nocapture"]).env("OBSERVE_LOG_CHILD", "1").output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{stdout}{stderr}");
        let lines: Vec<serde_json::Value> =
            stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["msg"], &lines[0]["port"]), (&"Server listening".into(), &8080.into()));
        assert_eq!(lines[1]["msg"], "panic: lost DB_PASSWORD=[REDACTED]");
        assert!(lines[1]["location"].as_str().unwrap().contains("log/mod.rs:"));
        assert!(!stdout.contains("Server listening") && !stdout.contains("CANARY"));
    }
}
