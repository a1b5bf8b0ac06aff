//! Error reports to Sentry, or to anything that speaks its protocol.
//!
//! Off without a DSN. Reports leave through a bounded queue on a thread of their own, at most one of a kind a
//! minute, scrubbed of credentials and of the person who made the request.

mod crumbs;
mod limiter;
mod outbox;
mod privacy;
mod trace;

pub use crumbs::{Crumb, Crumbs};
pub use trace::{RequestTrace, trace};

use crate::{
    core::{RequestId, Secret, id::UserId},
    observe::metrics::catalogue::ERROR_REPORTS,
};
use http::Response;
use limiter::Limiter;
use outbox::OutboxFactory;
use sentry::{
    ClientInitGuard, ClientOptions, Integration,
    protocol::{Event, Level, Request, User},
    types::Dsn,
};
use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// What reports are told apart by, unless the configuration says something else.
pub const RELEASE: &str = concat!("rack-gateway@", env!("CARGO_PKG_VERSION"));
pub const ENVIRONMENT: &str = "production";
/// How long the end of the process waits for reports that are still queued.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// Reports that may wait. With the bound on each ([`outbox`]) less than a mebibyte lies in the process.
const QUEUE: usize = 24;

#[derive(Debug, Clone, Default)]
pub struct SentryOptions {
    /// `https://KEY@HOST/PROJECT`; reports are off without it.
    pub dsn: Option<Secret>,
    pub environment: Option<String>,
    pub release: Option<String>,
    /// Share of requests to trace, from 0 to 1.
    pub traces_sample_rate: f32,
    /// What the log remembers, to be sent along.
    pub crumbs: Crumbs,
}

#[derive(Debug, thiserror::Error)]
pub enum SentryError {
    #[error("SENTRY_DSN is not a DSN: write https://KEY@HOST/PROJECT, or leave it out to turn reports off")]
    Dsn,
    #[error("SENTRY_TRACES_SAMPLE_RATE is {0}: write a number from 0 to 1")]
    SampleRate(f32),
}

/// Keeps reporting on. Dropping it sends what is queued, for at most two seconds.
#[must_use = "reports end when the guard is dropped"]
pub struct SentryGuard(Option<ClientInitGuard>);

impl SentryGuard {
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for SentryGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SentryGuard").field(&self.is_on()).finish()
    }
}

/// Turns reports of panics and failures on. Call it on the main thread before the runtime starts, because
/// threads take over the client of the thread that was there first, and after the log, which panics are
/// passed on to.
pub fn init(options: SentryOptions) -> Result<SentryGuard, SentryError> {
    let client = client_options(options)?;
    Ok(SentryGuard(client.map(sentry::init)))
}

/// A request that ended with a status of 500 or more.
#[derive(Debug, Clone, Copy)]
pub struct ErrorReport<'a> {
    pub request_id: RequestId,
    pub method: &'a str,
    /// Template of the route, never the path itself.
    pub route: &'static str,
    pub status: u16,
    pub user_id: Option<UserId>,
    /// Short and stable, such as `audit_unavailable`; reports of one kind are grouped.
    pub kind: &'a str,
    pub message: &'a str,
}

/// What is known of a failed request besides its answer; travels in the extensions of a response of 5xx.
#[derive(Debug, Clone, Copy)]
pub struct FailureFacts {
    /// As [`ErrorReport::kind`].
    pub kind: &'static str,
    pub user_id: Option<UserId>,
}

impl FailureFacts {
    /// Leaves a note on a response that tells of a failure.
    pub fn note<B>(self, response: &mut Response<B>) {
        if response.status().is_server_error() {
            response.extensions_mut().insert(self);
        }
    }
}

pub fn capture_server_error(report: ErrorReport<'_>) {
    let ErrorReport { method, route, status, kind, .. } = report;
    capture(&("server_error", kind, method, route, status), || Event {
        level: Level::Error,
        fingerprint: fingerprint(["server_error", kind, method, route, &status.to_string()]),
        message: Some(format!("{status} {kind}: {}", report.message)),
        transaction: Some(format!("{method} {route}")),
        request: Some(Request { method: Some(method.into()), ..Request::default() }),
        user: report.user_id.map(|id| User { id: Some(id.to_string()), ..User::default() }),
        tags: [
            ("request_id".into(), report.request_id.to_string()),
            ("route".into(), route.into()),
            ("status".into(), status.to_string()),
            ("kind".into(), kind.into()),
        ]
        .into(),
        ..Event::default()
    });
}

/// Something outside of the gateway that let it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    Database,
    Upstream,
    Oauth,
}

impl FailureKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Upstream => "upstream",
            Self::Oauth => "oauth",
        }
    }
}

/// Reports a failure of `subject` (a rack, a provider, a pool); failures of one subject are grouped.
pub fn capture_failure(kind: FailureKind, subject: &str, request_id: Option<RequestId>, message: &str) {
    capture(&("failure", kind, subject), || {
        let request_id = request_id.map(|id| ("request_id".into(), id.to_string()));
        let tags = [("kind".into(), kind.as_str().into()), ("subject".into(), subject.into())];
        Event {
            level: Level::Error,
            fingerprint: fingerprint(["failure", kind.as_str(), subject]),
            message: Some(format!("{} failure of {subject}: {message}", kind.as_str())),
            tags: tags.into_iter().chain(request_id).collect(),
            ..Event::default()
        }
    });
}

fn fingerprint<const N: usize>(parts: [&str; N]) -> Cow<'static, [Cow<'static, str>]> {
    Cow::Owned(parts.map(|part| Cow::Owned(part.to_owned())).to_vec())
}

/// Builds and queues the event unless reports are off or one of its kind has just been sent.
fn capture(kind: &impl std::hash::Hash, event: impl FnOnce() -> Event<'static>) {
    sentry::with_integration(|reporting: &Reporting, hub| {
        if let Some(suppressed) = reporting.admit(kind) {
            let mut event = event();
            event.extra.insert(SUPPRESSED.into(), suppressed.into());
            hub.capture_event(event);
        }
    });
}

const SUPPRESSED: &str = "repeats_not_reported";

/// What reporting keeps beside the client; the client carries it about.
#[derive(Debug, Default, Clone)]
struct Reporting {
    limiter: Arc<Limiter>,
    traces_sample_rate: f32,
    crumbs: Crumbs,
}

impl Integration for Reporting {
    fn name(&self) -> &'static str {
        "rack-gateway"
    }
}

impl Reporting {
    fn admit(&self, kind: &impl std::hash::Hash) -> Option<u64> {
        let admitted = self.limiter.admit(kind, Instant::now());
        let outcome = if admitted.is_some() { "queued" } else { "suppressed" };
        metrics::counter!(ERROR_REPORTS, "outcome" => outcome).increment(1);
        admitted
    }

    /// Last stop of every event. Those from [`capture`] have a fingerprint and have been admitted there.
    fn before_send(&self, mut event: Event<'static>) -> Option<Event<'static>> {
        if event.fingerprint == Event::default().fingerprint {
            let suppressed = self.admit(&place(&event))?;
            event.extra.insert(SUPPRESSED.into(), suppressed.into());
        }
        self.crumbs.attach(&mut event);
        Some(privacy::clean(event))
    }
}

/// Where an event comes from: its innermost frame, or for want of one its text.
fn place(event: &Event<'_>) -> (String, Option<u64>) {
    let exception = event.exception.iter().next_back();
    let frame =
        exception.and_then(|e| e.stacktrace.as_ref()?.frames.iter().rfind(|f| f.in_app != Some(false)));
    match (frame, exception) {
        (Some(frame), _) => (frame.function.clone().unwrap_or_default(), frame.lineno),
        (None, Some(exception)) => (exception.value.clone().unwrap_or_default(), None),
        (None, None) => (event.message.clone().unwrap_or_default(), None),
    }
}

fn client_options(options: SentryOptions) -> Result<Option<ClientOptions>, SentryError> {
    let SentryOptions { dsn, environment, release, traces_sample_rate, crumbs } = options;
    if !(0.0..=1.0).contains(&traces_sample_rate) {
        return Err(SentryError::SampleRate(traces_sample_rate));
    }
    let Some(dsn) = dsn.filter(|dsn| !dsn.is_empty()) else { return Ok(None) };
    let dsn: Dsn = dsn.expose().trim().parse().map_err(|_| SentryError::Dsn)?;
    let reporting = Reporting { traces_sample_rate, crumbs, ..Reporting::default() };
    let mut client = ClientOptions::new()
        .release(release.unwrap_or_else(|| RELEASE.into()))
        .environment(environment.unwrap_or_else(|| ENVIRONMENT.into()))
        .traces_sample_rate(traces_sample_rate)
        .send_default_pii(false)
        .auto_session_tracking(false)
        .max_breadcrumbs(0)
        .in_app_include(["rack_gateway"])
        .shutdown_timeout(SHUTDOWN)
        .transport_channel_capacity(QUEUE)
        .transport(OutboxFactory)
        .add_integration(reporting.clone())
        .before_send(move |event| reporting.before_send(event));
    client.dsn = Some(dsn);
    Ok(Some(client))
}

#[cfg(test)]
mod tests;
