//! `grants add`, `grants list`, `grants remove`.

use super::{
    arguments::{self, Expiry},
    context::{Admin, What},
    failure::Failure,
    lookup::{self, GrantView},
    output::{Report, table, time, time_or},
};
use crate::{
    core::{Timestamp, id::GrantId},
    identity::change::{
        self, Actor,
        grants::{Holder, NewGrant},
    },
    notify::mail::Notice,
    policy::{CallLimits, TargetPattern},
    store::{AccessRows, GrantRow, StoreError, Subject},
};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// Give a role to a user or to a token
    Add(Add),
    /// List grants
    List(List),
    /// Take a grant away
    Remove(Remove),
}

/// Either, or neither; `grants add` demands one.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct HolderArgs {
    /// The user who holds it
    #[arg(long, value_name = "EMAIL", value_parser = arguments::email)]
    user: Option<String>,
    /// The token that holds it, by name or id
    #[arg(long, value_name = "NAME")]
    token: Option<String>,
}

#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    holder: HolderArgs,
    #[arg(long)]
    role: String,
    /// What it is granted on: *, staging, staging/web, repo:team/**, service:billing
    #[arg(long, value_name = "PATTERN", default_value = "*")]
    target: TargetPattern,
    /// When it ends: 30d, 12h, or a moment as in 2030-01-31T00:00:00Z
    #[arg(long, value_name = "WHEN", default_value = "never")]
    expires: Expiry,
    /// Calls of services with these methods only; the target begins with service:
    #[arg(long, value_name = "GET,HEAD")]
    methods: Option<String>,
    /// Calls of services below this path only; the target begins with service:
    #[arg(long, value_name = "/api/")]
    path_prefix: Option<String>,
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    holder: HolderArgs,
}

#[derive(Debug, Args)]
pub struct Remove {
    /// As `grants list` prints it
    #[arg(value_parser = arguments::grant_id)]
    id: GrantId,
}

impl HolderArgs {
    /// The name to show and whom it means; `None` when neither was given.
    fn find<'a>(&self, rows: &'a AccessRows) -> Result<Option<(&'a str, Subject)>, Failure> {
        match (&self.user, &self.token) {
            (Some(email), _) => {
                let user = lookup::user(rows, email)?;
                Ok(Some((user.email.as_str(), Subject::User(user.id))))
            }
            (None, Some(name)) => {
                let token = lookup::token(rows, name)?;
                Ok(Some((token.name.as_str(), Subject::Token(token.id))))
            }
            (None, None) => Ok(None),
        }
    }
}

impl GrantsCommand {
    pub async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        match self {
            Self::Add(add) => add.run(admin).await,
            Self::List(list) => list.run(admin).await,
            Self::Remove(remove) => remove.run(admin).await,
        }
    }
}

impl Add {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let expires_at = self.expires.resolve(admin.now()).map_err(Failure::Usage)?;
        let limits = CallLimits::read(self.methods.as_deref(), self.path_prefix.as_deref())
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let rows = admin.rows().await?;
        lookup::require_role(&rows, &self.role)?;
        let Some(holder) = self.holder.find(&rows)? else {
            return Err(Failure::Usage("name who gets the role, with --user or --token".to_owned()));
        };
        let new = NewGrant { role: self.role, target: self.target, expires_at, limits };
        let grant = give(admin, holder, &new).await?;
        let view = GrantView::of(&grant, &rows);
        let text = format!("granted {} on {}{} to the {}", view.role, view.target, new.limits, view.holder());
        let until = expires_at.map(|end| format!(" until {}", time(end))).unwrap_or_default();
        Ok(Report::new(format!("{text}{until}: {}", view.id), &view))
    }
}

/// Adds one grant, with its records in the audit log.
pub async fn give(
    admin: &Admin,
    (name, subject): (&str, Subject),
    new: &NewGrant,
) -> Result<GrantRow, Failure> {
    let NewGrant { role, target, expires_at, limits } = new;
    let holder = match subject {
        Subject::User(_) => Holder::User(name.to_owned()),
        Subject::Token(id) => Holder::Token(id.to_string()),
    };
    let until = time_or(*expires_at, "removed");
    let detail = Some(format!("{role} on {target}{limits} until {until}"));
    let what = What { action: "grant.add", resource_type: "grant", resource: name.to_owned(), detail };
    let added = change::grants::add(admin.db(), &Actor::Operator, admin.now(), &holder, new);
    let grant = admin.change(what, added).await?.value;
    if let Holder::User(email) = &holder {
        let GrantRow { role, target, .. } = &grant;
        admin.mailer().queue(&Notice::RoleGranted { role, target, by: admin.actor() }, email).await;
    }
    Ok(grant)
}

fn about(holder: &str, action: &'static str, grant: &GrantRow) -> What {
    let GrantRow { id, role, target, expires_at, .. } = grant;
    let until = time_or(*expires_at, "removed");
    let detail = Some(format!("{role} on {target} until {until}, grant {id}"));
    What { action, resource_type: "grant", resource: holder.to_owned(), detail }
}

impl List {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let rows = admin.rows().await?;
        let grants: Vec<_> = match self.holder.find(&rows)? {
            Some((_, subject)) => lookup::grants_of(&rows, subject).collect(),
            None => rows.grants.iter().collect(),
        };
        let views: Vec<_> = grants.into_iter().map(|grant| GrantView::of(grant, &rows)).collect();
        let now = admin.now();
        let lines = views.iter().map(|grant| {
            let target = format!("{}{}", grant.target, grant.limits());
            [grant.id.to_string(), grant.holder(), grant.role.clone(), target, end(grant, now)]
        });
        Ok(Report::new(table(["ID", "HOLDER", "ROLE", "TARGET", "EXPIRES"], lines), &views))
    }
}

fn end(grant: &GrantView, now: Timestamp) -> String {
    match grant.expires_at {
        Some(end) if end <= now => format!("expired {}", time(end)),
        end => time_or(end, "never"),
    }
}

impl Remove {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let rows = admin.rows().await?;
        let found = rows.grants.iter().find(|grant| grant.id == self.id);
        let grant = found.ok_or_else(|| StoreError::NotFound(format!("the grant {}", self.id)))?;
        let view = GrantView::of(grant, &rows);
        let holder = view.user.as_deref().or(view.token.as_deref()).unwrap_or_default();
        let what = about(holder, "grant.remove", grant);
        let removed = change::grants::remove(admin.db(), &Actor::Operator, admin.now(), grant.id);
        admin.change(what, removed).await?;
        if let Some(email) = &view.user {
            let GrantRow { role, target, .. } = grant;
            admin.mailer().queue(&Notice::RoleTaken { role, target, by: admin.actor() }, email).await;
        }
        let text = format!("took {} on {} away from the {}", view.role, view.target, view.holder());
        Ok(Report::new(text, &view))
    }
}
