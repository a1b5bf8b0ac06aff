//! Mail, to a mail server of the test's own.

mod delivery;
mod server;
mod tls;
mod told;
