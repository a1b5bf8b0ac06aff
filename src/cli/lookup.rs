//! Finding what a command names among the rows of the access tables.

use super::{failure::Failure, output};
use crate::{
    core::{
        Timestamp,
        id::{GrantId, TokenId},
    },
    policy::{BUILT_IN, CallLimits, built_in},
    store::{AccessRows, GrantRow, StoreError, Subject, TokenRow, UserRow},
};
use serde::Serialize;

/// A grant as every command shows it.
#[derive(Debug, Serialize)]
pub struct GrantView {
    pub id: GrantId,
    /// E-mail address of the user who holds it; absent for a token's.
    pub user: Option<String>,
    /// Name of the token that holds it; absent for a user's.
    pub token: Option<String>,
    pub role: String,
    /// The target pattern.
    pub target: String,
    pub created_at: Timestamp,
    /// `null` for a grant that does not end.
    pub expires_at: Option<Timestamp>,
    /// The only methods with which services may be called; `null` allows all.
    pub methods: Option<String>,
    /// The path of services below which they may be called; `null` allows all.
    pub path_prefix: Option<String>,
}

impl GrantView {
    pub fn of(grant: &GrantRow, rows: &AccessRows) -> Self {
        let user = rows.users.iter().find(|user| Some(user.id) == grant.user_id);
        let token = rows.tokens.iter().find(|token| Some(token.id) == grant.token_id);
        Self {
            id: grant.id,
            user: user.map(|user| user.email.clone()),
            token: token.map(|token| token.name.clone()),
            role: grant.role.clone(),
            target: grant.target.clone(),
            created_at: grant.created_at,
            expires_at: grant.expires_at,
            methods: grant.methods.clone(),
            path_prefix: grant.path_prefix.clone(),
        }
    }

    /// ` with GET,HEAD below /api/`; empty when nothing is limited.
    pub fn limits(&self) -> String {
        let limits = CallLimits::read(self.methods.as_deref(), self.path_prefix.as_deref());
        limits.map_or_else(|_| " with limits that cannot be read".to_owned(), |limits| limits.to_string())
    }

    /// `user ada@example.com` or `token laptop`.
    pub fn holder(&self) -> String {
        match (&self.user, &self.token) {
            (Some(email), _) => format!("user {email}"),
            (None, Some(name)) => format!("token {name}"),
            (None, None) => "nobody".to_owned(),
        }
    }
}

pub fn user<'a>(rows: &'a AccessRows, email: &str) -> Result<&'a UserRow, Failure> {
    let found = rows.users.iter().find(|user| user.email == email);
    found.ok_or_else(|| StoreError::NotFound(format!("the user {email}")).into())
}

/// By name, or else by id.
pub fn token<'a>(rows: &'a AccessRows, name_or_id: &str) -> Result<&'a TokenRow, Failure> {
    let id = name_or_id.parse::<TokenId>().ok();
    let by_name = rows.tokens.iter().find(|token| token.name == name_or_id);
    let found = by_name.or_else(|| rows.tokens.iter().find(|token| Some(token.id) == id));
    found.ok_or_else(|| StoreError::NotFound(format!("the token {name_or_id}")).into())
}

/// Fails when there is no such role, and names those there are.
pub fn require_role(rows: &AccessRows, name: &str) -> Result<(), Failure> {
    if built_in(name).is_some() || rows.roles.iter().any(|role| role.name == name) {
        return Ok(());
    }
    Err(no_such_role(rows, name))
}

pub fn no_such_role(rows: &AccessRows, name: &str) -> Failure {
    let names: Vec<_> = BUILT_IN
        .iter()
        .map(|role| role.name)
        .chain(rows.roles.iter().map(|role| role.name.as_str()))
        .collect();
    Failure::NotDone(format!("the role {name} does not exist; there are {}", names.join(", ")))
}

pub fn grants_of(rows: &AccessRows, subject: Subject) -> impl Iterator<Item = &GrantRow> {
    rows.grants.iter().filter(move |grant| match subject {
        Subject::User(id) => grant.user_id == Some(id),
        Subject::Token(id) => grant.token_id == Some(id),
    })
}

/// `ops on staging/*, viewer on *`, with the expiry where there is one.
pub fn summary<'a>(grants: impl Iterator<Item = &'a GrantRow>) -> String {
    let one = |grant: &GrantRow| match grant.expires_at {
        Some(end) => format!("{} on {} until {}", grant.role, grant.target, output::time(end)),
        None => format!("{} on {}", grant.role, grant.target),
    };
    grants.map(one).collect::<Vec<_>>().join(", ")
}
