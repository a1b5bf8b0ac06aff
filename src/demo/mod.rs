//! Upstreams that live inside the process: something to put the gateway in front of when there is no real rack
//! at hand, and what the tests compare the gateway's promises with. Nothing here decides who may do what.

pub mod hello;
pub mod rack;
