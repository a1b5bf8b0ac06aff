//! What the gateway tells people outside of an answer.

pub mod mail;
pub mod webhook;
