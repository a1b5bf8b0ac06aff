//! The gateway as its clients see it.

mod parameters;
mod paths;
mod roles;
mod story;
