//! What happens to a request before and after the gateway's own rooms: whose it is, and whether it comes too often.

pub mod client_ip;
pub mod rate_limit;
