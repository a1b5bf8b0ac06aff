//! Calls of services, under `/svc/{slug}/`: who calls, whether they may, and the record. Which instance answers, and
//! how it is reached, is the business of `crate::upstream`.

mod answer;
mod call;
mod cookies;
mod headers;
mod identity;
mod path;
mod pipeline;
mod tunnel;

pub use identity::ServiceIdentity;
pub use pipeline::{ServiceArrival, ServicePipeline};
