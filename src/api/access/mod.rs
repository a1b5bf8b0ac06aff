//! Why somebody may do something, or may not.

mod explain;

pub use explain::ExplainView;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![explain::endpoint()]
}
