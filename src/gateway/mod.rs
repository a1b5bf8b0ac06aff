//! What happens to a request between its arrival and its upstream: parse, classify, decide, rewrite.
//! Pure text work lives here; sockets belong to `listener` and `upstream`.

pub mod classify;
pub mod env;
pub mod target;
