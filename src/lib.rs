//! Rack Gateway: the access gateway in front of Convox racks, a container registry and internal services.
//!
//! Layers, from the top; each may use those below it (`tests/it/architecture.rs` checks that):
//! `boot` · `http listener` · `api web cli` · `gateway jobs` · `upstream notify demo registry` ·
//! `identity policy audit directory observe` · `store net` · `config` · `core`.

pub mod api;
pub mod audit;
pub mod boot;
pub mod cli;
pub mod config;
pub mod core;
pub mod demo;
pub mod directory;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod listener;
pub mod net;
pub mod notify;
pub mod observe;
pub mod policy;
pub mod registry;
pub mod store;
pub mod upstream;
pub mod web;
