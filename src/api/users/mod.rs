//! People and service accounts, for those who administer them.

mod create;
mod delete;
mod list;
mod lock;
mod reset_mfa;
mod revoke_session;
mod revoke_sessions;
mod sessions;
mod show;
mod unlock;
mod update;
mod view;

pub use create::NewUserBody;
pub use list::UserPage;
pub use lock::LockBody;
pub use revoke_session::Revoked;
pub use revoke_sessions::RevokedCount;
pub use sessions::SessionPage;
pub use update::UserBody;
pub use view::UserView;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        list::endpoint(),
        create::endpoint(),
        show::endpoint(),
        update::endpoint(),
        delete::endpoint(),
        lock::endpoint(),
        unlock::endpoint(),
        sessions::endpoint(),
        revoke_session::endpoint(),
        revoke_sessions::endpoint(),
        reset_mfa::endpoint(),
    ]
}
