//! A person's presence: who they are in this session, their other sessions, and leaving.

mod end;
mod info;
mod list;
mod logout;
mod logout_web;
mod revoke_others;

pub use end::Ended;
pub use info::Info;
pub use list::{SessionView, Sessions};
pub use logout::LoggedOut;
pub use revoke_others::RevokedOthers;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        info::endpoint(),
        list::endpoint(),
        end::endpoint(),
        revoke_others::endpoint(),
        logout::endpoint(),
        logout_web::endpoint(),
    ]
}
