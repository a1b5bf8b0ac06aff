//! What happens to a request between its arrival and its upstream: parse, classify, decide, rewrite, record.
//! `pipeline` tells the story; sockets belong to `listener` and `upstream`.

pub mod artifact;
mod audit_facts;
mod body;
pub mod classify;
pub mod env;
mod env_change;
mod masking;
mod outgoing;
mod overrides;
mod pipeline;
mod rack_document;
mod refusal;
mod refuse_socket;
pub mod registry;
pub mod respond;
pub mod service;
mod settings;
pub mod target;
mod tunnel;
mod watch;

pub use audit_facts::count_decision;
pub use body::{Body, BoxError, Sender};
pub use pipeline::{Arrival, Pipeline};
pub use refusal::Refusal;
pub use respond::RouteLabel;
pub use settings::Settings;
pub use watch::Watch;
