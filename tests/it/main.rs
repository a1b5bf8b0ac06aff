//! The one integration binary. Its modules mirror `src/`.

mod gateway;
mod support;
