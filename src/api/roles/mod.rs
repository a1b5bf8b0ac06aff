//! Roles, built in and custom, and the permissions they are made of.

mod create;
mod delete;
mod list;
mod permissions;
mod show;
mod update;

pub use create::NewRoleBody;
pub use list::RolePage;
pub use permissions::PermissionPage;
pub use update::RoleBody;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        list::endpoint(),
        create::endpoint(),
        show::endpoint(),
        update::endpoint(),
        delete::endpoint(),
        permissions::endpoint(),
    ]
}
