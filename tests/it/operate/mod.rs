//! What operators do while the gateway runs, and what they are told.

mod reload;
mod scrape;
mod sentry;
mod unheard;
