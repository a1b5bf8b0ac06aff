//! Racks that fail, and what clients learn of it.

mod answers;
mod faults;
mod pool;
mod silence;
mod tls;
