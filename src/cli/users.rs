//! `users add`, `users list`, `users lock`, `users unlock`.

use super::{
    arguments,
    context::{Admin, What},
    failure::Failure,
    grants,
    lookup::{self, GrantView},
    output::{Report, table, time},
};
use crate::{
    core::{Timestamp, id::UserId},
    identity::change::{
        Actor,
        grants::NewGrant,
        users::{self, NewUser},
    },
    notify::mail::Notice,
    policy::{CallLimits, TargetPattern},
    store::{AccessRows, Subject, UserRow},
};
use clap::{Args, Subcommand};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Add a user, with roles if any are named
    Add(Add),
    /// List users and what they hold
    List,
    /// Lock a user: their tokens stop working, running sessions end
    Lock(Lock),
    /// Undo a lock
    Unlock(Unlock),
}

#[derive(Debug, Args)]
pub struct Add {
    #[arg(value_parser = arguments::email)]
    email: String,
    /// The person's name
    #[arg(long, default_value = "", hide_default_value = true, value_parser = arguments::line)]
    name: String,
    /// A role to grant; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// What the roles are granted on: *, staging, staging/web, repo:team/**, service:billing
    #[arg(long, value_name = "PATTERN", default_value = "*", requires = "roles")]
    target: TargetPattern,
}

#[derive(Debug, Args)]
pub struct Lock {
    #[arg(value_parser = arguments::email)]
    email: String,
    /// Why, for those who read the list later
    #[arg(long, default_value = "", hide_default_value = true, value_parser = arguments::line)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct Unlock {
    #[arg(value_parser = arguments::email)]
    email: String,
}

/// A user as `users … -o json` shows it.
#[derive(Debug, Serialize)]
struct UserView {
    id: UserId,
    email: String,
    name: String,
    created_at: Timestamp,
    /// `null` for a user who is not locked.
    locked_at: Option<Timestamp>,
    locked_reason: Option<String>,
    grants: Vec<GrantView>,
}

impl UserView {
    fn of(user: &UserRow, rows: &AccessRows) -> Self {
        let grants = lookup::grants_of(rows, Subject::User(user.id));
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            created_at: user.created_at,
            locked_at: user.locked_at,
            locked_reason: user.locked_reason.clone(),
            grants: grants.map(|grant| GrantView::of(grant, rows)).collect(),
        }
    }
}

impl UsersCommand {
    pub async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        match self {
            Self::Add(add) => add.run(admin).await,
            Self::List => list(admin).await,
            Self::Lock(lock) => lock.run(admin).await,
            Self::Unlock(unlock) => unlock.run(admin).await,
        }
    }
}

impl Add {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let rows = admin.rows().await?;
        for role in &self.roles {
            lookup::require_role(&rows, role)?;
        }
        let Self { email, name, roles, target } = self;
        let what = about(&email, "user.create", None);
        let new = NewUser { email: email.clone(), name, grants: Vec::new() };
        let user =
            admin.change(what, users::create(admin.db(), &Actor::Operator, admin.now(), &new)).await?.value;
        for role in &roles {
            let holder = (&*email, Subject::User(user.id));
            let new = NewGrant {
                role: role.clone(),
                target: target.clone(),
                expires_at: None,
                limits: CallLimits::default(),
            };
            grants::give(admin, holder, &new).await?;
        }
        let text = match roles.as_slice() {
            [] => format!("added the user {email}, who holds no role yet"),
            roles => format!("added the user {email} with {} on {target}", roles.join(", ")),
        };
        report(admin, text, &email).await
    }
}

async fn list(admin: &Admin) -> Result<Report, Failure> {
    let rows = admin.rows().await?;
    let table = table(
        ["EMAIL", "NAME", "STATE", "ROLES", "CREATED"],
        rows.users.iter().map(|user| {
            let roles = lookup::summary(lookup::grants_of(&rows, Subject::User(user.id)));
            [user.email.clone(), user.name.clone(), state(user), roles, time(user.created_at)]
        }),
    );
    let views: Vec<_> = rows.users.iter().map(|user| UserView::of(user, &rows)).collect();
    Ok(Report::new(table, &views))
}

fn state(user: &UserRow) -> String {
    match (user.locked_at, user.locked_reason.as_deref()) {
        (None, _) => "active".to_owned(),
        (Some(_), None | Some("")) => "locked".to_owned(),
        (Some(_), Some(reason)) => format!("locked: {reason}"),
    }
}

impl Lock {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let Self { email, reason } = self;
        let detail = (!reason.is_empty()).then(|| reason.clone());
        let lock = users::lock(admin.db(), &Actor::Operator, admin.now(), &email, &reason);
        let done = admin.change(about(&email, "user.lock", detail), lock).await?;
        admin.mailer().queue(&Notice::Locked { reason: &reason }, &email).await;
        let was_locked = done.changes.before.get("locked_at").is_some_and(|at| !at.is_null());
        let text = match (was_locked, reason.is_empty()) {
            (false, _) => format!("locked the user {email}"),
            (true, true) => format!("the user {email} was locked already"),
            (true, false) => format!("the user {email} was locked already; the reason is the new one"),
        };
        report(admin, text, &email).await
    }
}

impl Unlock {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let email = self.email;
        let unlock = users::unlock(admin.db(), &Actor::Operator, admin.now(), &email);
        admin.change(about(&email, "user.unlock", None), unlock).await?;
        report(admin, format!("unlocked the user {email}"), &email).await
    }
}

fn about(email: &str, action: &'static str, detail: Option<String>) -> What {
    What { action, resource_type: "user", resource: email.to_owned(), detail }
}

/// The sentence for people; the user as they are now for programs.
async fn report(admin: &Admin, sentence: String, email: &str) -> Result<Report, Failure> {
    let rows = admin.rows().await?;
    Ok(Report::new(sentence, &UserView::of(lookup::user(&rows, email)?, &rows)))
}
