//! Wires everything, and carries the process from its start to its end. Only `main` and the tests come in here.

mod artifact;
mod changeable;
mod database;
mod demo;
mod demo_service;
mod demo_visitor;
mod directory;
mod error;
mod factors;
mod gateway;
mod jobs;
mod login;
mod people;
mod process;
mod racks;
mod recorded;
mod registry;
mod reload;
mod rooms;
mod serve;
mod services;
mod tls;
mod traces;
mod unusable;

pub use changeable::Handles;
pub use database::open as open_database;
pub use demo::{DemoOptions, demo};
pub use error::BootError;
pub use gateway::{Gateway, Parts, Stopped};
pub use login::Enrolment;
pub use process::{Prepared, prepare};
pub use reload::{Reloaded, Reloader, Source};
pub use serve::serve;
pub use unusable::unusable;
