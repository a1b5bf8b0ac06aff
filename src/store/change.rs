//! Changes of who may do what. The rows are read, the change is decided on and written in one transaction that all
//! others wait for, so that what was true when it was decided is true when it is written.

use super::{
    AccessRows, Db, GrantRow, RoleRow, SettingRow, StoreError, StoreResult, TokenRow, UserRow, access,
    cli_logins,
    grants::{self, bind_grant},
    links::{self, LinkRow, bind_link},
    roles, sessions, settings,
    tokens::{self, bind_token},
    users::{self, bind_user},
    write_tx,
};
use crate::core::{
    Timestamp,
    id::{GrantId, SessionId, TokenId, UserId},
};

/// One thing to write. What it names must be among the rows that it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessWrite {
    AddUser(UserRow),
    SetUser {
        id: UserId,
        email: String,
        name: String,
    },
    LockUser {
        id: UserId,
        at: Timestamp,
        reason: String,
    },
    UnlockUser(UserId),
    /// Takes with it all that is theirs: tokens, grants, sessions, factors, and invitations that nobody has used.
    DeleteUser(UserId),
    /// Forgets factors, backup codes and trusted devices.
    ResetMfa(UserId),
    EndSessions {
        user: UserId,
        why: &'static str,
        at: Timestamp,
    },
    /// Sessions go on, but what needs a fresh proof needs a new one; so do those that come of logins of the command
    /// line which the person has approved.
    ForgetStepUp(UserId),
    /// Ends the open invitations and enrolment links for an address.
    RevokeLinks {
        email: String,
        at: Timestamp,
    },
    AddGrant(GrantRow),
    RemoveGrant(GrantId),
    AddRole(RoleRow),
    SetRole {
        name: String,
        description: String,
        permissions: String,
    },
    RemoveRole(String),
    AddToken(TokenRow),
    SetToken {
        id: TokenId,
        name: String,
        expires_at: Option<Timestamp>,
    },
    RevokeToken {
        id: TokenId,
        at: Timestamp,
    },
    PutSetting(SettingRow),
    DropSetting(String),
    AddInvitation(LinkRow),
}

/// Both engines run the same statements.
macro_rules! carry_out {
    ($tx:ident, $write:expr) => {
        match $write {
            AccessWrite::AddUser(user) => {
                let done = bind_user!(user).execute(&mut *$tx).await;
                done.map_err(|error| StoreError::or_exists(error, || format!("the user {}", user.email)))?;
            }
            AccessWrite::SetUser { id, email, name } => {
                let query = sqlx::query(users::SET).bind(email).bind(name).bind(*id);
                let done = query.execute(&mut *$tx).await;
                done.map_err(|error| StoreError::or_exists(error, || format!("the user {email}")))?;
            }
            AccessWrite::LockUser { id, at, reason } => {
                let query = sqlx::query(users::LOCK_BY_ID).bind(Some(*at)).bind(Some(reason)).bind(*id);
                query.execute(&mut *$tx).await?;
                sqlx::query(links::REVOKE_INVITATIONS_OF).bind(*at).bind(*id).execute(&mut *$tx).await?;
            }
            AccessWrite::UnlockUser(id) => {
                let (at, reason) = (None::<Timestamp>, None::<String>);
                sqlx::query(users::LOCK_BY_ID).bind(at).bind(reason).bind(*id).execute(&mut *$tx).await?;
                // Failed proofs may be what locked them.
                sqlx::query(users::FORGIVE).bind(id.to_string()).execute(&mut *$tx).await?;
            }
            AccessWrite::DeleteUser(id) => {
                sqlx::query(links::DELETE_INVITATIONS_OF).bind(*id).execute(&mut *$tx).await?;
                sqlx::query(users::DELETE).bind(*id).execute(&mut *$tx).await?;
            }
            AccessWrite::ResetMfa(id) => {
                for statement in users::RESET_MFA.iter().copied() {
                    sqlx::query(statement).bind(*id).execute(&mut *$tx).await?;
                }
            }
            AccessWrite::EndSessions { user, why, at } => {
                let query = sqlx::query(sessions::REVOKE_ALL).bind(*at).bind(*why).bind(*user);
                query.execute(&mut *$tx).await?;
            }
            AccessWrite::ForgetStepUp(user) => {
                sqlx::query(sessions::FORGET_STEP_UP).bind(*user).execute(&mut *$tx).await?;
                sqlx::query(cli_logins::FORGET_PROOFS).bind(*user).execute(&mut *$tx).await?;
            }
            AccessWrite::RevokeLinks { email, at } => {
                sqlx::query(links::REVOKE_FOR).bind(*at).bind(email).execute(&mut *$tx).await?;
            }
            AccessWrite::AddGrant(grant) => {
                bind_grant!(grant).execute(&mut *$tx).await?;
            }
            AccessWrite::RemoveGrant(id) => {
                sqlx::query(grants::DELETE).bind(*id).execute(&mut *$tx).await?;
            }
            AccessWrite::AddRole(role) => {
                let query = sqlx::query(roles::INSERT)
                    .bind(&role.name)
                    .bind(&role.description)
                    .bind(&role.permissions)
                    .bind(role.created_at);
                let done = query.execute(&mut *$tx).await;
                done.map_err(|error| StoreError::or_exists(error, || format!("the role {}", role.name)))?;
            }
            AccessWrite::SetRole { name, description, permissions } => {
                let query = sqlx::query(roles::SET).bind(description).bind(permissions).bind(name);
                query.execute(&mut *$tx).await?;
            }
            AccessWrite::RemoveRole(name) => {
                sqlx::query(roles::DELETE).bind(name).execute(&mut *$tx).await?;
            }
            AccessWrite::AddToken(token) => {
                let done = bind_token!(token).execute(&mut *$tx).await;
                done.map_err(|error| StoreError::or_exists(error, || format!("the token {}", token.name)))?;
            }
            AccessWrite::SetToken { id, name, expires_at } => {
                let query = sqlx::query(tokens::SET).bind(name).bind(*expires_at).bind(*id);
                let done = query.execute(&mut *$tx).await;
                done.map_err(|error| StoreError::or_exists(error, || format!("the token {name}")))?;
            }
            AccessWrite::RevokeToken { id, at } => {
                sqlx::query(tokens::REVOKE).bind(*at).bind(*id).execute(&mut *$tx).await?;
            }
            AccessWrite::PutSetting(row) => {
                let query = sqlx::query(settings::PUT)
                    .bind(&row.key)
                    .bind(&row.value)
                    .bind(row.updated_at)
                    .bind(row.updated_by);
                query.execute(&mut *$tx).await?;
            }
            AccessWrite::DropSetting(key) => {
                sqlx::query(settings::DROP).bind(key).execute(&mut *$tx).await?;
            }
            AccessWrite::AddInvitation(link) => {
                bind_link!(link).execute(&mut *$tx).await?;
            }
        }
    };
}

impl Db {
    /// Lets `decide` look at the rows and carries out what it wants, or nothing when it refuses. Of sessions only
    /// the `caller`'s is read, if it has not ended.
    pub async fn decide<T, E>(
        &self,
        caller: Option<SessionId>,
        decide: impl FnOnce(&AccessRows) -> Result<(Vec<AccessWrite>, T), E>,
    ) -> StoreResult<Result<T, E>> {
        write_tx!(self, tx => {
            // This row is what the others wait for, so it comes before anything is read.
            let epoch = sqlx::query_scalar(access::NEXT_EPOCH).fetch_one(&mut *tx).await?;
            let rows = AccessRows {
                epoch,
                users: sqlx::query_as(users::LIST).fetch_all(&mut *tx).await?,
                roles: sqlx::query_as(roles::LIST).fetch_all(&mut *tx).await?,
                tokens: sqlx::query_as(tokens::LIST).fetch_all(&mut *tx).await?,
                grants: sqlx::query_as(grants::LIST).fetch_all(&mut *tx).await?,
                sessions: match caller {
                    Some(id) => sqlx::query_as(sessions::LIVE_BY_ID).bind(id).fetch_all(&mut *tx).await?,
                    None => Vec::new(),
                },
                settings: sqlx::query_as(settings::LIST).fetch_all(&mut *tx).await?,
                invitations: sqlx::query_as(links::OFFERING).fetch_all(&mut *tx).await?,
            };
            match decide(&rows) {
                Ok((writes, out)) => {
                    for write in &writes {
                        carry_out!(tx, write);
                    }
                    Ok(out)
                }
                Err(refused) => {
                    tx.rollback().await?;
                    return Ok(Err(refused));
                }
            }
        })
    }
}

impl AccessRows {
    /// The rows as they will be after `writes`; for rules about what must never come to be.
    #[must_use]
    pub fn after(&self, writes: &[AccessWrite]) -> Self {
        let mut rows = self.clone();
        writes.iter().for_each(|write| rows.apply(write));
        rows.users.sort_by(|a, b| a.email.cmp(&b.email));
        rows.roles.sort_by(|a, b| a.name.cmp(&b.name));
        rows.settings.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }

    fn apply(&mut self, write: &AccessWrite) {
        match write {
            AccessWrite::AddUser(user) => self.users.push(user.clone()),
            AccessWrite::SetUser { id, email, name } => self.user(*id, |user| {
                (user.email, user.name) = (email.clone(), name.clone());
            }),
            AccessWrite::LockUser { id, at, reason } => self.user(*id, |user| {
                (user.locked_at, user.locked_reason) = (Some(*at), Some(reason.clone()));
            }),
            AccessWrite::UnlockUser(id) => self.user(*id, |user| {
                (user.locked_at, user.locked_reason) = (None, None);
            }),
            AccessWrite::DeleteUser(id) => self.forget(*id),
            AccessWrite::ResetMfa(id) => self.user(*id, |user| {
                (user.mfa_enrolled_at, user.preferred_mfa) = (None, None);
            }),
            AccessWrite::EndSessions { .. } | AccessWrite::ForgetStepUp(_) => {}
            AccessWrite::RevokeLinks { email, .. } => self.invitations.retain(|link| link.email != *email),
            AccessWrite::AddGrant(grant) => self.grants.push(grant.clone()),
            AccessWrite::RemoveGrant(id) => self.grants.retain(|grant| grant.id != *id),
            AccessWrite::AddRole(role) => self.roles.push(role.clone()),
            AccessWrite::SetRole { name, description, permissions } => {
                for role in self.roles.iter_mut().filter(|role| role.name == *name) {
                    (role.description, role.permissions) = (description.clone(), permissions.clone());
                }
            }
            AccessWrite::RemoveRole(name) => self.roles.retain(|role| role.name != *name),
            AccessWrite::AddToken(token) => self.tokens.push(token.clone()),
            AccessWrite::SetToken { id, name, expires_at } => self.token(*id, |token| {
                (token.name, token.expires_at) = (name.clone(), *expires_at);
            }),
            AccessWrite::RevokeToken { id, at } => self.token(*id, |token| {
                token.revoked_at.get_or_insert(*at);
            }),
            AccessWrite::PutSetting(row) => {
                self.settings.retain(|one| one.key != row.key);
                self.settings.push(row.clone());
            }
            AccessWrite::DropSetting(key) => self.settings.retain(|one| one.key != *key),
            AccessWrite::AddInvitation(link) => self.invitations.push(link.clone()),
        }
    }

    fn user(&mut self, id: UserId, change: impl Fn(&mut UserRow)) {
        self.users.iter_mut().filter(|user| user.id == id).for_each(change);
    }

    fn token(&mut self, id: TokenId, change: impl Fn(&mut TokenRow)) {
        self.tokens.iter_mut().filter(|token| token.id == id).for_each(change);
    }

    fn forget(&mut self, id: UserId) {
        self.users.retain(|user| user.id != id);
        self.tokens.retain(|token| token.user_id != id);
        let tokens: Vec<_> = self.tokens.iter().map(|token| token.id).collect();
        self.grants.retain(|grant| {
            grant.user_id.is_some_and(|user| user != id)
                || grant.token_id.is_some_and(|token| tokens.contains(&token))
        });
    }
}
