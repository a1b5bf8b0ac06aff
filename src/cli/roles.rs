//! `roles list`, `roles show`, `roles add`, `roles remove`.

use super::{
    arguments,
    context::{Admin, What},
    failure::Failure,
    lookup,
    output::{Report, plain, table},
};
use crate::{
    identity::{
        RoleView,
        change::{self, Actor, roles::NewRole},
    },
    policy::{Permission, built_in},
    store::AccessRows,
};
use clap::{Args, Subcommand};

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

fn find(rows: &AccessRows, name: &str) -> Result<RoleView, Failure> {
    RoleView::find(rows, name).ok_or_else(|| lookup::no_such_role(rows, name))
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
    let rows = admin.rows().await?;
    let role = find(&rows, name)?;
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
    let role = find(&rows, name)?;
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
