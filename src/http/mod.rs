//! What happens to a request before and after the gateway's own rooms: whose it is, whether it comes too often,
//! which room it goes to, and what every answer carries.

pub mod client_ip;
mod finish;
mod front;
pub mod health;
mod hosts;
pub mod ops;
mod patience;
mod router;

pub use front::{Front, FrontSettings, Instruments, Rooms};
pub use hosts::Hosts;
pub use router::{Place, place_of};
