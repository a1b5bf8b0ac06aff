//! The store, on every engine.

mod access;
mod audit;
mod audit_list;
mod cli_logins;
mod directory;
mod hostile;
mod mail;
mod migrate;
mod open;
mod registry;
mod schema;
mod sessions;
mod webhooks;

use rack_gateway::core::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// So many seconds after [`NOW`].
const fn later(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}
