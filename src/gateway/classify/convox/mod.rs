//! The Convox rack API: one catalogue of every route, and the classification of a request against it.
//!
//! A rack reads parameters from more doors than its client uses: any form field also from the query, and many
//! also from a header of that name. Here each parameter has the one place that the catalogue gives it. In any
//! other place it is refused (query, form) or dropped (header), so that what was decided on is all that a rack
//! can read.

mod call;
mod catalogue;
mod form;
mod headers;
mod index;
mod parameter;
mod route;

#[cfg(test)]
mod tests;

pub use call::{RackCall, Unclassified, Upgrade, classify};
pub use catalogue::routes;
pub use form::{Form, check_form};
pub use parameter::{BadParameter, Place};
pub use route::{Body, Query, Reply, Route, StreamKind, Verb};
