//! Mail to those whom their own failures shut out.

use super::{Mailer, Notice};
use crate::identity::{change::users::ShutOut, mfa::Witness};
use futures_util::future::BoxFuture;

impl Witness for Mailer {
    fn shut_out<'a>(&'a self, email: &'a str, how: ShutOut, reason: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match how {
                ShutOut::Locked => self.queue(&Notice::Locked { reason }, email).await,
                ShutOut::Spared => self.queue(&Notice::Held { reason }, email).await,
                ShutOut::Already => {}
            }
        })
    }
}
