//! The public address.

mod renewal;
mod tls;
