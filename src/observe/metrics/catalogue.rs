//! Every metric family the process exports, in one table: name, type, labels, help text and buckets.
//!
//! Rooms record through the constants, for example
//! `metrics::counter!(catalogue::GATEWAY_DECISIONS, "decision" => "deny", "reason" => reason).increment(1)`.

/// Upper bounds in seconds for anything a client waits for.
pub const LATENCY_SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Upper bounds in seconds for one database commit.
const COMMIT_SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Upper bounds in seconds for a request to the container registry, which may carry a layer.
const REGISTRY_REQUEST_SECONDS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];
/// Upper bounds in seconds for one action on the registry's storage.
const STORAGE_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds in bytes, from 1 KiB to 2 GiB.
const BODY_BYTES: [f64; 22] = [
    1_024.0,
    2_048.0,
    4_096.0,
    8_192.0,
    16_384.0,
    32_768.0,
    65_536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
    33_554_432.0,
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
    536_870_912.0,
    1_073_741_824.0,
    2_147_483_648.0,
];
/// Upper bounds in seconds for an upload from its opening to its close, which may be resumed much later.
const UPLOAD_SECONDS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0];
const GC_SECONDS: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 2.0, 5.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Who keeps the numbers of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// The recorder behind the `metrics` macros.
    Recorder,
    /// This room itself: the request hot path, and counters that are not whole numbers.
    Direct,
}

#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub keeper: Keeper,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    /// Upper bounds in the unit that the name ends with, without `+Inf`; empty unless a histogram.
    pub buckets: &'static [f64],
}

pub fn find(name: &str) -> Option<&'static Family> {
    CATALOGUE.iter().find(|family| family.name == name)
}

macro_rules! families {
    ($($konst:ident = $keeper:ident $kind:ident $name:literal [$($label:literal),*] $(in $buckets:ident)? $help:literal;)*) => {
        $(#[doc = $help] pub const $konst: &str = $name;)*

        pub const CATALOGUE: &[Family] = &[$(Family {
            name: $name,
            kind: Kind::$kind,
            keeper: Keeper::$keeper,
            labels: &[$($label),*],
            help: $help,
            buckets: families!(@buckets $($buckets)?),
        }),*];
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { &$buckets };
}

families! {
    HTTP_REQUESTS = Direct Counter "http_requests_total" ["method", "route", "status"]
        "HTTP requests finished.";
    HTTP_REQUEST_DURATION = Direct Histogram "http_request_duration_seconds" ["method", "route", "status_code"] in LATENCY_SECONDS
        "Duration of HTTP requests in seconds.";
    HTTP_REQUESTS_IN_FLIGHT = Direct Gauge "http_requests_in_flight" []
        "HTTP requests being served now.";

    UPSTREAM_REQUESTS = Recorder Counter "upstream_requests_total" ["rack", "outcome"]
        "Requests sent to an upstream.";
    UPSTREAM_REQUEST_DURATION = Recorder Histogram "upstream_request_duration_seconds" ["rack", "effect"] in LATENCY_SECONDS
        "Time from sending a request to an upstream until its response headers, in seconds; effect is read or change.";
    UPSTREAM_BYTES = Recorder Counter "upstream_bytes_total" ["rack", "direction"]
        "Body bytes exchanged with an upstream.";

    GATEWAY_TUNNELS_OPEN = Recorder Gauge "gateway_tunnels_open" ["kind"]
        "Upgraded connections (exec, logs, port forwarding) open now.";
    GATEWAY_TUNNELS = Recorder Counter "gateway_tunnels_total" ["kind", "ended_by"]
        "Upgraded connections that have ended.";
    GATEWAY_DECISIONS = Recorder Counter "gateway_decisions_total" ["decision", "reason"]
        "Authorization decisions.";
    GATEWAY_AUTHENTICATIONS = Recorder Counter "gateway_authentications_total" ["outcome"]
        "Attempts to authenticate.";
    GATEWAY_MFA_EVENTS = Recorder Counter "gateway_mfa_events_total" ["method", "outcome"]
        "Proofs and changes of second factors.";
    GATEWAY_SESSIONS_ACTIVE = Recorder Gauge "gateway_sessions_active" []
        "Signed-in sessions that have not ended.";
    GATEWAY_TOKEN_REQUESTS = Recorder Counter "gateway_token_requests_total" ["token"]
        "Requests made with each API token; tokens beyond the first 1000 count as other.";
    GATEWAY_JOB_RUNS = Recorder Counter "gateway_job_runs_total" ["job", "outcome"]
        "Runs of periodic work.";
    GATEWAY_MAIL = Recorder Counter "gateway_mail_total" ["outcome"]
        "Mail queued, sent, put off and given up.";
    OIDC_REQUESTS = Recorder Counter "oidc_requests_total" ["provider", "outcome"]
        "Requests to login providers: answered, refused, server_error, unreachable, timed_out, too_large or broken.";
    RATE_LIMITED = Recorder Counter "rate_limited_total" []
        "Requests refused because the client made too many.";

    GATEWAY_CONNECTIONS_OPEN = Recorder Gauge "gateway_connections_open" []
        "Client connections open now.";
    GATEWAY_CONNECTIONS = Recorder Counter "gateway_connections_total" []
        "Client connections accepted.";
    GATEWAY_CONNECTIONS_CUT = Recorder Counter "gateway_connections_cut_total" ["reason"]
        "Client connections closed by the gateway before their time.";
    GATEWAY_CONNECTIONS_REFUSED = Recorder Counter "gateway_connections_refused_total" []
        "Client connections refused because the limit was reached.";
    GATEWAY_BUILD_INFO = Recorder Gauge "gateway_build_info" ["version"]
        "Always 1; the label tells the running version.";
    GATEWAY_READY = Recorder Gauge "gateway_ready" []
        "1 when the gateway can serve, else 0.";
    CONFIG_RELOADS = Recorder Counter "config_reload_total" ["outcome"]
        "Times the configuration was read again: applied, unchanged or refused.";
    CONFIG_RELOAD_SUCCESSFUL = Recorder Gauge "config_reload_successful" []
        "1 when the configuration and the certificate on disk are good, 0 when they were refused and older ones serve.";
    CONFIG_RELOAD_SUCCESS_TIME = Recorder Gauge "config_reload_success_timestamp_seconds" []
        "When the configuration was last read without a problem, since unix epoch in seconds.";
    CONFIG_RELOAD_RESTART_PENDING = Recorder Gauge "config_reload_restart_pending" []
        "Settings that were changed and wait for a restart.";
    TLS_CERTIFICATE_EXPIRY = Recorder Gauge "tls_certificate_expiry_seconds" ["listener"]
        "Seconds until the listener's certificate expires, negative afterwards.";
    TLS_CERTIFICATE_RELOADS = Recorder Counter "tls_certificate_reload_total" ["outcome"]
        "Changes of the certificate's files: replaced or refused.";
    CLOCK_SKEW = Recorder Gauge "clock_skew_seconds" ["source"]
        "How far this machine's clock is ahead of another's, in seconds: that of a rack or of the database.";
    DISK_FREE = Recorder Gauge "disk_free_bytes" ["place"]
        "Bytes that are free where the gateway keeps things: database or registry.";
    DISK_SIZE = Recorder Gauge "disk_size_bytes" ["place"]
        "Bytes that there are in all where the gateway keeps things: database or registry.";

    AUDIT_QUEUE_DEPTH = Recorder Gauge "audit_queue_depth" []
        "Audit records waiting to be stored.";
    AUDIT_QUEUE_CAPACITY = Recorder Gauge "audit_queue_capacity" []
        "Audit records that may wait before requests are held back.";
    AUDIT_ROWS = Recorder Counter "audit_rows_total" []
        "Audit records stored.";
    AUDIT_BATCHES = Recorder Counter "audit_batches_total" []
        "Commits of audit records.";
    AUDIT_WRITE_SECONDS = Recorder Histogram "audit_write_seconds" [] in COMMIT_SECONDS
        "Duration of one commit of audit records in seconds.";
    AUDIT_WRITE_FAILURES = Recorder Counter "audit_write_failures_total" []
        "Commits of audit records that failed.";
    AUDIT_AVAILABLE = Recorder Gauge "audit_available" []
        "1 when audit records can be stored, 0 when requests are refused because they cannot.";
    AUDIT_LINES = Recorder Counter "audit_lines_total" []
        "Audit lines written to standard output.";
    AUDIT_STDOUT_FAILURES = Recorder Counter "audit_stdout_failures_total" []
        "Audit lines that could not be written to standard output.";

    DB_POOL_CONNECTIONS = Recorder Gauge "db_pool_connections" ["state"]
        "Database connections of the pool: idle, used and max.";
    DB_UP = Recorder Gauge "db_up" []
        "1 when the database answered the last check, else 0.";
    ACCESS_SNAPSHOT_AGE = Recorder Gauge "access_snapshot_age_seconds" []
        "Age of the access rules in use, in seconds.";
    ERROR_REPORTS = Recorder Counter "error_reports_total" ["outcome"]
        "Error reports handed to the transport (queued), held back as repeats (suppressed), or dropped (too_large).";
    TRACE_SPANS_EXPORTED = Recorder Counter "trace_spans_exported_total" []
        "Spans of OpenTelemetry that the collector took.";
    TRACE_SPANS_DROPPED = Recorder Counter "trace_spans_dropped_total" []
        "Spans of OpenTelemetry that were dropped, because too many waited or the collector did not take them.";

    REGISTRY_IN_FLIGHT = Recorder Gauge "registry_http_in_flight_requests" ["handler"]
        "The in-flight HTTP requests.";
    REGISTRY_REQUEST_DURATION = Recorder Histogram "registry_http_request_duration_seconds" ["handler", "method"] in REGISTRY_REQUEST_SECONDS
        "The HTTP request latencies in seconds.";
    REGISTRY_REQUEST_SIZE = Recorder Histogram "registry_http_request_size_bytes" ["handler"] in BODY_BYTES
        "The HTTP request sizes in bytes.";
    REGISTRY_REQUESTS = Recorder Counter "registry_http_requests_total" ["handler", "method", "code"]
        "Total number of HTTP requests made.";
    REGISTRY_RESPONSE_SIZE = Recorder Histogram "registry_http_response_size_bytes" ["handler"] in BODY_BYTES
        "The HTTP response sizes in bytes.";
    REGISTRY_STORAGE_ACTION = Recorder Histogram "registry_storage_action_seconds" ["driver", "action"] in STORAGE_SECONDS
        "The number of seconds that the storage action takes.";
    REGISTRY_STORAGE_CACHE = Recorder Counter "registry_storage_cache_total" ["type"]
        "The number of cache request received.";

    PROXY_UPSTREAM_REQUESTS = Recorder Counter "proxy_upstream_requests_total" ["slug", "code"]
        "Calls of registered services, by the status that came of them; slugs beyond the first 1000 count as other.";
    PROXY_UPSTREAM_DURATION = Recorder Histogram "proxy_upstream_duration_seconds" ["slug"] in LATENCY_SECONDS
        "Time from a call of a service until the head of its answer, in seconds, a second try included.";
    PROXY_UPSTREAM_RETRIES = Recorder Counter "proxy_upstream_retries_total" ["slug"]
        "Calls that were sent to a second instance because the first could not be reached.";
    PROXY_UPSTREAM_EJECTIONS = Recorder Counter "proxy_upstream_ejections_total" ["slug"]
        "Instances that were left out for a while because call after call failed.";
    GATEWAY_REGISTRY_BYTES = Recorder Counter "gateway_registry_bytes_total" ["direction"]
        "Bytes of bodies to and from clients of the container registry, counted as they pass: received or sent.";
    GATEWAY_REGISTRY_DECISIONS = Recorder Counter "gateway_registry_decisions_total" ["action", "decision"]
        "Authorization decisions of the container registry.";
    GATEWAY_REGISTRY_UPLOAD_DURATION = Recorder Histogram "gateway_registry_upload_duration_seconds" ["size"] in UPLOAD_SECONDS
        "Time from the opening of an upload to its close, in seconds, by the size of the blob: up to 1 MiB, up to 100 MiB, or more.";
    GATEWAY_REPO_PULLS = Recorder Counter "gateway_repo_pulls_total" ["namespace"]
        "Manifests pulled, by the first part of the repository's name; names beyond the first 200 count as other.";
    GATEWAY_REPO_PUSHES = Recorder Counter "gateway_repo_pushes_total" ["namespace"]
        "Manifests pushed, by the first part of the repository's name; names beyond the first 200 count as other.";
    GATEWAY_WEBHOOK_DELIVERIES = Recorder Counter "gateway_webhook_deliveries_total" ["webhook", "outcome"]
        "Deliveries to webhooks: sent, put_off, given_up, or taken_back because what was to be told did not happen.";
    GATEWAY_WEBHOOK_WAITING = Recorder Gauge "gateway_webhook_deliveries_waiting" ["webhook"]
        "Deliveries that are not sent yet.";
    GATEWAY_WEBHOOK_DURATION = Recorder Histogram "gateway_webhook_duration_seconds" ["webhook"] in LATENCY_SECONDS
        "Time of one try to tell a webhook, in seconds.";

    PROCESS_CPU_USER = Direct Counter "process_cpu_user_seconds_total" []
        "Total user CPU time spent in seconds.";
    PROCESS_CPU_SYSTEM = Direct Counter "process_cpu_system_seconds_total" []
        "Total system CPU time spent in seconds.";
    PROCESS_CPU = Direct Counter "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds.";
    PROCESS_RESIDENT_MEMORY = Recorder Gauge "process_resident_memory_bytes" []
        "Resident memory size in bytes.";
    PROCESS_VIRTUAL_MEMORY = Recorder Gauge "process_virtual_memory_bytes" []
        "Virtual memory size in bytes.";
    PROCESS_OPEN_FDS = Recorder Gauge "process_open_fds" []
        "Number of open file descriptors.";
    PROCESS_MAX_FDS = Recorder Gauge "process_max_fds" []
        "Maximum number of open file descriptors.";
    PROCESS_START_TIME = Recorder Gauge "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds.";
    PROCESS_THREADS = Recorder Gauge "process_threads" []
        "Number of OS threads in the process.";

    HEAP_TOTAL = Recorder Gauge "nodejs_heap_size_total_bytes" []
        "Process heap size from Node.js in bytes.";
    HEAP_USED = Recorder Gauge "nodejs_heap_size_used_bytes" []
        "Process heap size used from Node.js in bytes.";
    EVENT_LOOP_LAG = Recorder Gauge "nodejs_eventloop_lag_seconds" []
        "Lag of event loop in seconds.";
    GC_DURATION = Recorder Histogram "nodejs_gc_duration_seconds" [] in GC_SECONDS
        "Garbage collection duration in seconds. This process collects no garbage: always zero.";
    REGISTRY_INSTANCES = Recorder Gauge "registry_instances" ["slug", "status"]
        "Registered instances of services; services beyond the first 1000 count as other.";
    REGISTRY_NODES = Recorder Gauge "registry_nodes" ["status"]
        "Nodes that are known: replicas of the gateway, and machines that registered themselves.";
    REGISTRY_CHECK_DURATION = Recorder Histogram "registry_check_duration_seconds" ["type", "outcome"] in LATENCY_SECONDS
        "Duration of active checks of instances in seconds.";
    REGISTRY_LEASE_EXPIRATIONS = Recorder Counter "registry_lease_expirations_total" []
        "Leases of instances that ran out because heartbeats stayed away.";
    REGISTRY_EXPIRED = Recorder Counter "registry_instances_expired_total" []
        "Instances that were removed because they failed for too long.";
    REGISTRY_SELF_PRESERVATION = Recorder Gauge "registry_self_preservation" []
        "Services of which so many instances failed at once that they keep taking calls and are not removed.";
    REGISTRY_HEARTBEATS = Recorder Counter "registry_heartbeats_total" ["outcome"]
        "Heartbeats of instances: renewed, changed, unknown or refused.";
    REGISTRY_BEATS_WRITTEN = Recorder Counter "registry_beats_written_total" []
        "Signs of life written to the database.";
    REGISTRY_BEAT_BATCHES = Recorder Counter "registry_beat_batches_total" []
        "Commits of signs of life.";
    REGISTRY_WATCHERS = Recorder Gauge "registry_watchers" []
        "Clients that watch the directory now.";
    REGISTRY_SNAPSHOT_AGE = Recorder Gauge "registry_snapshot_age_seconds" []
        "Time since the database last confirmed this replica's view of the directory, in seconds.";
    TOKIO_WORKERS = Recorder Gauge "tokio_workers" []
        "Worker threads of the asynchronous runtime.";
    TOKIO_ALIVE_TASKS = Recorder Gauge "tokio_alive_tasks" []
        "Tasks that have been started and have not finished.";
    TOKIO_QUEUE_DEPTH = Recorder Gauge "tokio_global_queue_depth" []
        "Tasks waiting in the shared queue of the asynchronous runtime.";
    TOKIO_BUSY = Direct Counter "tokio_workers_busy_seconds_total" []
        "Time that workers of the asynchronous runtime were busy, in seconds.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let mut seen = HashSet::new();
        for family in CATALOGUE {
            assert!(seen.insert(family.name), "{} is listed twice", family.name);
            assert!(family.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()));
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }

    #[test]
    fn only_histograms_have_buckets_and_they_rise() {
        for family in CATALOGUE {
            assert_eq!(family.kind == Kind::Histogram, !family.buckets.is_empty(), "{}", family.name);
            assert!(family.buckets.is_sorted_by(|a, b| a < b), "{}", family.name);
        }
    }
}
