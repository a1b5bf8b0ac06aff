//! What must never be written down, and what must be written down harmlessly.

mod canaries;
mod configuration;
mod injection;
mod planted;
mod upstream_secrets;
