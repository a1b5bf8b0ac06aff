//! The integration tests, one binary. The modules mirror those of the crate.
//!
//! `TEST_POSTGRES_URL` names a PostgreSQL server on which the tests may create databases, as in
//! `postgres://postgres@127.0.0.1:5432/postgres`; without it they run on SQLite only, and say so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect fails"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it leaves out")]

mod admin;
mod alerts;
mod architecture;
mod artifact;
mod change;
mod chaos;
mod cli;
mod cli_login;
mod cve;
mod directory;
mod gateway;
mod listener;
mod login;
mod mail;
mod matrix;
mod mfa;
mod operate;
mod redaction;
mod registry;
mod registry_front;
mod security;
mod service;
mod sessions;
mod store;
mod streams;
mod support;
mod upstream;
mod web;
mod webhooks;
