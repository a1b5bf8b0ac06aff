//! What of the configuration the pipeline needs.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest form that is read.
    pub max_form_bytes: usize,
    /// A websocket without a byte either way for this long is ended.
    pub stream_idle: Duration,
    /// Names of variables that are secret although they do not look it.
    pub secret_variables: Vec<String>,
}
