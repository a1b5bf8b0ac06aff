//! Ports for programs that cannot be asked which one they picked.

use rand::RngExt as _;
use std::net::{Ipv4Addr, TcpListener};

/// Below those that the kernel deals out by itself (from 32768), so that between this look and the program's start no
/// test that runs beside can be given the same one.
pub fn free_port() -> u16 {
    let mut rng = rand::rng();
    let port = std::iter::repeat_with(|| rng.random_range(16_000..32_000))
        .take(100)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    port.expect("one port of many is free")
}
