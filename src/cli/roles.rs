//! `roles list`, `roles show`, `roles add`, `roles remove`.

use super::{
    arguments,
    context::{Admin, What},
    failure::Failure,
    lookup,
    output::{Report, plain, table},
};
use crate::{
    identity::change::{self, Actor, roles::NewRole},
    policy::{BUILT_IN, BuiltInRole, Permission, PermissionSet, built_in},
    store::{AccessRows, RoleRow, StoreError},
};
use clap::{Args, Subcommand};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum RolesCommand {
    /// List the built-in roles and the custom ones
    List,
    /// Show what a role allows
    Show(Name),
    /// Add a custom role
    Add(Add),
    /// Remove a custom role; grants that name it stay, and allow nothing
    Remove(Name),
}

#[derive(Debug, Args)]
pub struct Name {
    name: String,
}

#[derive(Debug, Args)]
pub struct Add {
    #[arg(value_parser = arguments::role_name)]
    name: String,
    /// What it allows: a permission as in convox:app:restart, or a pattern as in convox:app:*; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", required = true, value_parser = arguments::permission)]
    permissions: Vec<String>,
    #[arg(long, default_value = "", hide_default_value = true, value_parser = arguments::line)]
    description: String,
}

/// A role as `roles … -o json` shows it.
#[derive(Debug, Serialize)]
struct RoleView {
    name: String,
    /// `built-in` or `custom`.
    kind: &'static str,
    description: String,
    /// The permission patterns of a custom role, as they were written; empty for a built-in one.
    patterns: Vec<String>,
    /// Every permission that it holds in this version.
    permissions: Vec<&'static str>,
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

    fn custom(role: &RoleRow) -> Self {
        let patterns: Vec<_> = role.permissions.lines().map(str::to_owned).collect();
        Self {
            name: role.name.clone(),
            kind: "custom",
            description: role.description.clone(),
            patterns,
            permissions: names(change::roles::expand(&role.permissions)),
        }
    }

    fn all(rows: &AccessRows) -> Vec<Self> {
        BUILT_IN.iter().map(Self::built_in).chain(rows.roles.iter().map(Self::custom)).collect()
    }

    fn find(rows: &AccessRows, name: &str) -> Result<Self, Failure> {
        lookup::require_role(rows, name)?;
        let found = Self::all(rows).into_iter().find(|role| role.name == name);
        found.ok_or_else(|| StoreError::NotFound(format!("the role {name}")).into())
    }
}

fn names(permissions: PermissionSet) -> Vec<&'static str> {
    permissions.iter().map(Permission::name).collect()
}

impl RolesCommand {
    pub async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        match self {
            Self::List => list(admin).await,
            Self::Show(role) => show(admin, &role.name).await,
            Self::Add(add) => add.run(admin).await,
            Self::Remove(role) => remove(admin, &role.name).await,
        }
    }
}

async fn list(admin: &Admin) -> Result<Report, Failure> {
    let roles = RoleView::all(&admin.rows().await?);
    let lines = roles.iter().map(|role| {
        let count = role.permissions.len().to_string();
        [role.name.clone(), role.kind.to_owned(), count, role.description.clone()]
    });
    Ok(Report::new(table(["NAME", "KIND", "PERMISSIONS", "DESCRIPTION"], lines), &roles))
}

async fn show(admin: &Admin, name: &str) -> Result<Report, Failure> {
    let role = RoleView::find(&admin.rows().await?, name)?;
    let lines = role
        .permissions
        .iter()
        .filter_map(|name| Permission::parse(name))
        .map(|permission| [permission.name().to_owned(), permission.summary().to_owned()]);
    let permissions = table(["PERMISSION", "MAY"], lines);
    let head = format!("{} ({}): {}", role.name, role.kind, plain(&role.description));
    Ok(Report::new(format!("{head}\n\n{permissions}"), &role))
}

impl Add {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let Self { name, permissions, description } = self;
        if built_in(&name).is_some() {
            return Err(Failure::NotDone(format!("the role {name} exists already: it is built in")));
        }
        let detail = permissions.join(", ");
        let new = NewRole { name, description, permissions };
        let created = change::roles::create(admin.db(), &Actor::Operator, admin.now(), &new);
        let role = admin.change(about(&new.name, "role.create", Some(detail)), created).await?.value;
        let view = RoleView::custom(&role);
        let text = format!("added the role {} with {} permissions", view.name, view.permissions.len());
        Ok(Report::new(text, &view))
    }
}

async fn remove(admin: &Admin, name: &str) -> Result<Report, Failure> {
    if built_in(name).is_some() {
        return Err(Failure::NotDone(format!("the role {name} is built in and cannot be removed")));
    }
    let rows = admin.rows().await?;
    let role = RoleView::find(&rows, name)?;
    let removed = change::roles::remove(admin.db(), &Actor::Operator, admin.now(), name);
    admin.change(about(name, "role.delete", None), removed).await?;
    let report = Report::new(format!("removed the role {name}"), &role);
    let left = rows.grants.iter().filter(|grant| grant.role == name).count();
    if left == 0 {
        return Ok(report);
    }
    Ok(report.remark(format!(
        "Grants that still name it: {left}. They allow nothing until a role of that name is added again."
    )))
}

fn about(name: &str, action: &'static str, detail: Option<String>) -> What {
    What { action, resource_type: "role", resource: name.to_owned(), detail }
}
