//! Who is told when somebody is shut out by their own failures. Mail is written in a layer above this one.

use crate::identity::change::users::ShutOut;
use futures_util::future::BoxFuture;
use std::fmt;

pub trait Witness: Send + Sync + fmt::Debug {
    /// It has happened already.
    fn shut_out<'a>(&'a self, email: &'a str, how: ShutOut, reason: &'a str) -> BoxFuture<'a, ()>;
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Witness for Nobody {
    fn shut_out<'a>(&'a self, _: &'a str, _: ShutOut, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}
