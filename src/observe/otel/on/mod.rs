//! Traces as they are made: [`trace`] follows a request, [`outgoing`] what is asked of upstreams, [`context`] reads and
//! writes the headers of W3C Trace Context, [`export`] brings finished spans to the collector.

mod context;
mod export;
mod outgoing;
mod start;
mod trace;

pub use outgoing::{Call, outgoing, outgoing_with};
pub use start::Tracing;
pub use trace::{Trace, carried, in_step, responding, step, trace_id};
