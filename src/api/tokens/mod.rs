//! API tokens: everybody's own, and others' for those who administer them. A token manages none.

mod create;
mod list;
mod revoke;
mod show;
mod update;
mod view;

pub use create::{CreatedToken, NewTokenBody};
pub use list::TokenPage;
pub use update::TokenBody;
pub use view::TokenView;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), create::endpoint(), show::endpoint(), update::endpoint(), revoke::endpoint()]
}
