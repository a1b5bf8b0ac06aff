//! Requests to the container registry, under `/v2/` and `/token`: who calls, whether they may, and the record.
//! What is stored where is the business of `crate::registry`.

mod announce;
mod body;
mod caller;
mod challenge;
mod demands;
mod facts;
mod listing;
mod measure;
mod refused;
mod story;
mod ticket;
mod token;

pub use measure::Measures;
pub use story::{RegistryArrival, RegistryPipeline};
pub use ticket::Tickets;
