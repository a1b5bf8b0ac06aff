//! The gateway as its clients see it.

mod api;
mod edge;
mod environment;
mod parameters;
mod paths;
mod roles;
mod story;
mod tokens;
