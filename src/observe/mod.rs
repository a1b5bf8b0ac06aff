//! What the process tells its operators: application log, metrics, error reports and traces.
//! Nothing here decides anything about a request, and the audit record lives elsewhere.

pub mod errors;
pub mod log;
pub mod metrics;
pub mod otel;
