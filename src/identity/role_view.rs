//! A role as the API and the command line show it.

use super::change::roles::expand;
use crate::{
    policy::{BUILT_IN, BuiltInRole, Permission, PermissionSet},
    store::{AccessRows, RoleRow},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct RoleView {
    pub name: String,
    /// `built-in` or `custom`.
    pub kind: &'static str,
    pub description: String,
    /// The permission patterns of a custom role, as they were written; empty for a built-in one.
    patterns: Vec<String>,
    /// Every permission that it holds in this version.
    pub permissions: Vec<&'static str>,
}

impl RoleView {
    fn built_in(role: &BuiltInRole) -> Self {
        Self {
            name: role.name.to_owned(),
            kind: "built-in",
            description: role.description.to_owned(),
            patterns: Vec::new(),
            permissions: names(role.permissions()),
        }
    }

    pub fn custom(role: &RoleRow) -> Self {
        Self {
            name: role.name.clone(),
            kind: "custom",
            description: role.description.clone(),
            patterns: role.permissions.lines().map(str::to_owned).collect(),
            permissions: names(expand(&role.permissions)),
        }
    }

    /// The built-in ones first, weakest first; then the custom ones by name.
    pub fn all(rows: &AccessRows) -> Vec<Self> {
        let custom = rows.roles.iter().map(Self::custom);
        BUILT_IN.iter().map(Self::built_in).chain(custom).collect()
    }

    pub fn find(rows: &AccessRows, name: &str) -> Option<Self> {
        Self::all(rows).into_iter().find(|role| role.name == name)
    }
}

fn names(permissions: PermissionSet) -> Vec<&'static str> {
    permissions.iter().map(Permission::name).collect()
}
