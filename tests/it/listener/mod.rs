//! The public address.

mod tls;
