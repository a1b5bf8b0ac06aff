//! Invitations: who may come in that nobody knows yet, and what they begin with.

mod create;
mod list;
mod offer;
mod revoke;
mod view;

pub use create::{Body as NewInvitation, Invited};
pub use list::Invitations;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), create::endpoint(), revoke::endpoint()]
}
