//! Roles on targets: who holds what.

mod create;
mod delete;
mod list;
mod view;

pub use create::NewGrantBody;
pub use list::GrantPage;
pub use view::{GrantBody, GrantView};

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), create::endpoint(), delete::endpoint()]
}
