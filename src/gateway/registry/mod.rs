//! Requests to the container registry, under `/v2/` and `/token`: who calls, whether they may, and the record.
//! What is stored where is the business of `crate::registry`.

mod body;
mod caller;
mod challenge;
mod demands;
mod facts;
mod listing;
mod story;
mod ticket;
mod token;

pub use caller::Public;
pub use story::{RegistryArrival, RegistryPipeline};
pub use ticket::Tickets;
