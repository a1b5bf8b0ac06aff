//! `tokens create`, `tokens list`, `tokens revoke`.

use super::{
    arguments::{self, Expiry},
    context::{Admin, What},
    failure::Failure,
    lookup::{self, GrantView},
    output::{Report, table, time, time_or},
};
use crate::{
    core::{Timestamp, id::TokenId},
    identity::{
        change::{
            self, Actor,
            grants::NewGrant,
            tokens::{Made, NewToken},
        },
        settings::Settings,
    },
    notify::mail::Notice,
    policy::{CallLimits, TargetPattern},
    store::{AccessRows, Subject, TokenRow, UserRow},
};
use clap::{Args, Subcommand};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Create a token and print it: it is shown this once, only its hash is kept
    Create(Create),
    /// List tokens
    List(List),
    /// Revoke a token for good
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Create {
    /// The token's owner; it never may more than they may
    #[arg(long, value_name = "EMAIL", value_parser = arguments::email)]
    user: String,
    /// A name that no other token has
    #[arg(long, value_parser = arguments::token_name)]
    name: String,
    /// A role the token holds; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// What the roles are granted on: *, staging, staging/web, repo:team/**, service:billing
    #[arg(long, value_name = "PATTERN", default_value = "*")]
    target: TargetPattern,
    /// When it ends: 90d, 12h, a moment as in 2030-01-31T00:00:00Z, or never
    #[arg(long, value_name = "WHEN", default_value = "90d")]
    expires: Expiry,
}

#[derive(Debug, Args)]
pub struct List {
    /// Only the tokens of this user
    #[arg(long, value_name = "EMAIL", value_parser = arguments::email)]
    user: Option<String>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[arg(value_name = "NAME|ID")]
    token: String,
}

/// A token as `tokens … -o json` shows it. The token's text and its hash are not here.
#[derive(Debug, Serialize)]
struct TokenView {
    id: TokenId,
    name: String,
    /// E-mail address of its owner.
    user: String,
    /// `active`, `expired`, `revoked` or `owner locked`.
    state: &'static str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// Written every few seconds while it is used.
    last_used_at: Option<Timestamp>,
    grants: Vec<GrantView>,
}

/// `tokens create -o json`: the one place where a token's text is printed.
#[derive(Debug, Serialize)]
struct Created<'a> {
    token: &'a str,
    #[serde(flatten)]
    view: TokenView,
}

impl TokenView {
    fn of(token: &TokenRow, rows: &AccessRows, now: Timestamp) -> Self {
        let owner = rows.users.iter().find(|user| user.id == token.user_id);
        let grants = lookup::grants_of(rows, Subject::Token(token.id));
        Self {
            id: token.id,
            name: token.name.clone(),
            user: owner.map(|user| user.email.clone()).unwrap_or_default(),
            state: state(token, owner, now),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
            grants: grants.map(|grant| GrantView::of(grant, rows)).collect(),
        }
    }
}

fn state(token: &TokenRow, owner: Option<&UserRow>, now: Timestamp) -> &'static str {
    match token {
        _ if token.revoked_at.is_some() => "revoked",
        _ if token.expires_at.is_some_and(|end| end <= now) => "expired",
        _ if owner.is_some_and(|user| user.locked_at.is_some()) => "owner locked",
        _ => "active",
    }
}

impl TokensCommand {
    pub async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        match self {
            Self::Create(create) => create.run(admin).await,
            Self::List(list) => list.run(admin).await,
            Self::Revoke(revoke) => revoke.run(admin).await,
        }
    }
}

impl Create {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let expires_at = self.expires.resolve(admin.now()).map_err(Failure::Usage)?;
        let rows = admin.rows().await?;
        let owner = lookup::user(&rows, &self.user)?;
        for role in &self.roles {
            lookup::require_role(&rows, role)?;
        }
        let new = self.new_token(owner.email.clone(), expires_at);
        let held = new.grants.iter().map(|grant| format!("{} on {}", grant.role, grant.target));
        let held = held.collect::<Vec<_>>().join(", ");
        let detail = format!("for {}: {held}, until {}", owner.email, time_or(expires_at, "revoked"));
        let what = about(&new.name, "token.create", Some(detail));
        let defaults = Settings::default();
        let created = change::tokens::create(admin.db(), &Actor::Operator, admin.now(), &defaults, &new);
        let Made { secret, token, .. } = admin.change(what, created).await?.value;
        let notice = Notice::TokenCreated { name: &token.name, by: admin.actor(), expires_at };
        admin.mailer().queue(&notice, &new.owner).await;

        let view = TokenView::of(&token, &admin.rows().await?, admin.now());
        let remark = format!(
            "This is the token {} of {}, shown this once. It holds {held}, and ends {}.",
            view.name,
            view.user,
            time_or(expires_at, "when it is revoked")
        );
        let report = Report::new(secret.expose(), &Created { token: secret.expose(), view }).remark(remark);
        Ok(match obstacle(owner, &rows) {
            Some(obstacle) => report.remark(obstacle),
            None => report,
        })
    }

    fn new_token(self, owner: String, expires_at: Option<Timestamp>) -> NewToken {
        // The grants need no end of their own: they are worth nothing without the token.
        let grant = |role| NewGrant {
            role,
            target: self.target.clone(),
            expires_at: None,
            limits: CallLimits::default(),
        };
        let grants = self.roles.into_iter().map(grant).collect();
        NewToken { owner, name: self.name, expires_at, grants }
    }
}

/// Why the new token can do nothing as things are.
fn obstacle(owner: &UserRow, rows: &AccessRows) -> Option<String> {
    if owner.locked_at.is_some() {
        return Some(format!("It does not work while its owner {} is locked.", owner.email));
    }
    if lookup::grants_of(rows, Subject::User(owner.id)).next().is_none() {
        return Some(format!(
            "It can do nothing yet: a token never may more than its owner, and {} holds no role.",
            owner.email
        ));
    }
    None
}

impl List {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let rows = admin.rows().await?;
        let owner = match &self.user {
            Some(email) => Some(lookup::user(&rows, email)?.id),
            None => None,
        };
        let tokens = rows.tokens.iter().filter(|token| owner.is_none_or(|owner| token.user_id == owner));
        let views: Vec<_> = tokens.map(|token| TokenView::of(token, &rows, admin.now())).collect();
        let lines = views.iter().map(|token| {
            let held = lookup::summary(lookup::grants_of(&rows, Subject::Token(token.id)));
            [
                token.name.clone(),
                token.user.clone(),
                token.state.to_owned(),
                held,
                time(token.created_at),
                time_or(token.expires_at, "never"),
                time_or(token.last_used_at, "never"),
                token.id.to_string(),
            ]
        });
        let header = ["NAME", "USER", "STATE", "ROLES", "CREATED", "EXPIRES", "LAST USED", "ID"];
        Ok(Report::new(table(header, lines), &views))
    }
}

impl Revoke {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let rows = admin.rows().await?;
        let token = lookup::token(&rows, &self.token)?;
        if let Some(at) = token.revoked_at {
            let told = format!("the token {} was revoked already, at {}", token.name, time(at));
            return Err(Failure::NotDone(told));
        }
        let what = about(&token.name, "token.revoke", None);
        let revoked = change::tokens::revoke(admin.db(), &Actor::Operator, admin.now(), token.id);
        admin.change(what, revoked).await?;
        let rows = admin.rows().await?;
        let view = TokenView::of(lookup::token(&rows, &token.id.to_string())?, &rows, admin.now());
        Ok(Report::new(format!("revoked the token {} of {}", view.name, view.user), &view))
    }
}

fn about(name: &str, action: &'static str, detail: Option<String>) -> What {
    What { action, resource_type: "token", resource: name.to_owned(), detail }
}
