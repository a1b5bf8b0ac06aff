//! Second factors, with databases of both engines and without HTTP.

mod always;
mod budget;
mod codes;
mod devices;
mod enrolment;
mod http;
mod passkeys;
mod sealing;
mod tampering;
mod totp;
mod world;

pub use world::{IP, NOW, ORIGIN, World, later};
