//! What the process tells its operators: application log, metrics and error reports.
//! Nothing here decides anything about a request, and the audit record lives elsewhere.

pub mod errors;
pub mod log;
pub mod metrics;
