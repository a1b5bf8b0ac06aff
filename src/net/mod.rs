//! What sockets of both sides stand on: how they write, and the threads that serve them.

mod lanes;
mod socket;

pub use lanes::{LaneThreads, Lanes, Seat};
pub use socket::Socket;
