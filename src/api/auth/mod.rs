//! How people come in: through a provider, or by a one-time link. These need no credential.

mod callback;
mod departure;
mod entry;
mod link_show;
mod link_take;
mod providers;
mod return_to;
mod state_cookie;
mod web_login;

pub use link_show::LinkView;
pub use link_take::Body as LinkBody;
pub use providers::Ways;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        providers::endpoint(),
        web_login::endpoint(),
        callback::endpoint(),
        link_show::endpoint(),
        link_take::endpoint(),
    ]
}
