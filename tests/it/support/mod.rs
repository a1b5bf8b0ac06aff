//! What several tests share. No assertion lives here.

pub mod artifact_server;
pub mod database;
pub mod exchange;
pub mod fake_rack;
pub mod gateway;
pub mod issuer;
pub mod person;
pub mod port;
pub mod process;
pub mod prover;
pub mod registry;
pub mod security_key;
pub mod session;
pub mod socket;
pub mod tls;
pub mod wire;
