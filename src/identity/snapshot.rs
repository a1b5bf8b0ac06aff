//! The access tables in the shape in which a request looks things up: one hash map, decisions precompiled.

use super::{
    AuthError, Channel, Principal, SessionIdentity, TokenIdentity, UserIdentity, Via, settings::Settings,
    token::TokenHash,
};
use crate::{
    core::{
        Timestamp,
        id::{SessionId, TokenId, UserId},
    },
    policy::{
        CallLimits, CompiledGrant, InvalidLimit, PermissionPattern, PermissionSet, Rights, built_in, given,
    },
    store::{AccessRows, Epoch, GrantRow, RoleRow, SessionRow},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicI64},
};

#[derive(Debug)]
pub struct AccessSnapshot {
    pub epoch: Epoch,
    tokens: HashMap<TokenHash, TokenEntry>,
    sessions: HashMap<TokenHash, SessionEntry>,
    /// A session's secret changes; its id does not.
    sessions_by_id: HashMap<SessionId, TokenHash>,
    pub settings: Settings,
}

#[derive(Debug)]
pub(super) struct TokenEntry {
    pub user: Arc<UserIdentity>,
    pub token: Arc<TokenIdentity>,
    pub rights: Rights,
    pub expires_at: Option<Timestamp>,
    pub standing: Standing,
}

#[derive(Debug)]
pub(super) struct SessionEntry {
    pub user: Arc<UserIdentity>,
    pub session: Arc<SessionIdentity>,
    pub rights: Rights,
    pub standing: Standing,
}

/// Why a token or session that exists may still not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Revoked,
    OwnerLocked,
}

impl AccessSnapshot {
    pub fn compile(rows: &AccessRows, defaults: impl Into<Settings>) -> Self {
        let settings = defaults.into().with(&rows.settings);
        let roles = role_permissions(&rows.roles);
        let (by_user, by_token) = compile_grants(&rows.grants, &roles);
        let users: HashMap<UserId, _> = rows.users.iter().map(|user| (user.id, user)).collect();
        let identities: HashMap<UserId, Arc<UserIdentity>> = rows
            .users
            .iter()
            .map(|user| {
                let identity = UserIdentity {
                    id: user.id,
                    email: user.email.as_str().into(),
                    name: user.name.clone(),
                    mfa_enrolled: user.mfa_enrolled_at.is_some(),
                };
                (user.id, Arc::new(identity))
            })
            .collect();
        let granted_at = granted_at(&rows.grants);
        let none: Arc<[CompiledGrant]> = Arc::new([]);
        let tokens = rows.tokens.iter().filter_map(|token| {
            let hash = TokenHash::from_stored(&token.hash)?;
            let owner = users.get(&token.user_id)?;
            let standing = match (token.revoked_at, owner.locked_at) {
                (Some(_), _) => Standing::Revoked,
                (_, Some(_)) => Standing::OwnerLocked,
                _ => Standing::Good,
            };
            let own = by_token.get(&token.id).unwrap_or(&none).clone();
            let owners = by_user.get(&token.user_id).unwrap_or(&none).clone();
            let entry = TokenEntry {
                user: identities.get(&token.user_id)?.clone(),
                token: Arc::new(TokenIdentity { id: token.id, name: token.name.as_str().into() }),
                rights: Rights::of_token(own, owners),
                expires_at: token.expires_at,
                standing,
            };
            Some((hash, entry))
        });
        let tokens = tokens.collect();
        let sessions: HashMap<_, _> = rows
            .sessions
            .iter()
            .filter_map(|row| {
                let hash = TokenHash::from_stored(&row.hash)?;
                let user = identities.get(&row.user_id)?.clone();
                let locked = users.get(&row.user_id)?.locked_at.is_some();
                let rights = Rights::of_user(by_user.get(&row.user_id).unwrap_or(&none).clone());
                let standing = if locked { Standing::OwnerLocked } else { Standing::Good };
                let given = granted_at.get(&row.user_id);
                let is_outgrown = given.is_some_and(|at| *at > row.rotated_at);
                Some((hash, SessionEntry { user, session: session(row, is_outgrown)?, rights, standing }))
            })
            .collect();
        let sessions_by_id = sessions.iter().map(|(hash, entry)| (entry.session.id, *hash)).collect();
        Self { epoch: rows.epoch, tokens, sessions, sessions_by_id, settings }
    }

    pub(super) fn token(&self, hash: &TokenHash) -> Option<&TokenEntry> {
        self.tokens.get(hash)
    }

    pub(super) fn session(&self, hash: &TokenHash) -> Option<&SessionEntry> {
        self.sessions.get(hash)
    }

    pub(super) fn session_by_id(&self, id: SessionId) -> Option<&SessionEntry> {
        self.sessions.get(self.sessions_by_id.get(&id)?)
    }

    pub(super) fn session_hash(&self, id: SessionId) -> Option<TokenHash> {
        self.sessions_by_id.get(&id).copied()
    }

    pub fn sessions(&self) -> impl Iterator<Item = &Arc<SessionIdentity>> {
        self.sessions.values().map(|entry| &entry.session)
    }

    /// The same caller with the rights they have now, or why they would not be let in any more. For whoever is in
    /// the middle of something.
    pub fn again(&self, principal: &Principal, now: Timestamp) -> Result<Principal, AuthError> {
        match &principal.via {
            Via::Token(token) => self.recall_token(token.id, now),
            Via::Session(session) => {
                // What runs is use: the idle limit counts from its end.
                self.session_by_id(session.id).ok_or(AuthError::Unknown)?.session.saw(now);
                self.recall_session(session.id, now)
            }
        }
    }

    /// Somebody who was let in by this token before.
    pub(super) fn recall_token(&self, id: TokenId, now: Timestamp) -> Result<Principal, AuthError> {
        let entry = self.tokens.values().find(|entry| entry.token.id == id).ok_or(AuthError::Unknown)?;
        entry.check(now)?;
        let via = Via::Token(entry.token.clone());
        Ok(Principal { user: entry.user.clone(), via, rights: entry.rights.clone() })
    }

    /// Somebody who was let in by this session before.
    pub(super) fn recall_session(&self, id: SessionId, now: Timestamp) -> Result<Principal, AuthError> {
        let entry = self.session_by_id(id).ok_or(AuthError::Unknown)?;
        entry.check(now, self.settings.idle)?;
        let via = Via::Session(entry.session.clone());
        Ok(Principal { user: entry.user.clone(), via, rights: entry.rights.clone() })
    }

    /// Takes over the newer uses that `older` knew of and the database did not.
    pub(super) fn inherit_uses(&self, older: &Self) {
        for entry in self.sessions.values() {
            if let Some(known) = older.session_by_id(entry.session.id) {
                entry.session.saw(known.session.last_seen());
            }
        }
    }
}

/// When each person was last given anything.
fn granted_at(grants: &[GrantRow]) -> HashMap<UserId, Timestamp> {
    let mut latest: HashMap<UserId, Timestamp> = HashMap::new();
    for (user, at) in grants.iter().filter_map(|grant| Some((grant.user_id?, grant.created_at))) {
        let known = latest.entry(user).or_insert(at);
        *known = at.max(*known);
    }
    latest
}

fn session(row: &SessionRow, is_outgrown: bool) -> Option<Arc<SessionIdentity>> {
    Some(Arc::new(SessionIdentity {
        id: row.id,
        channel: Channel::parse(&row.channel)?,
        method: row.method.as_str().into(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        step_up_at: row.step_up_at,
        is_outgrown,
        last_seen: AtomicI64::new(row.last_seen_at.as_micros()),
    }))
}

/// The permissions of each custom role. Patterns that this version does not know give nothing.
pub(super) fn role_permissions(roles: &[RoleRow]) -> HashMap<&str, PermissionSet> {
    let expand = |role: &RoleRow| {
        role.permissions
            .lines()
            .filter_map(|line| PermissionPattern::parse(line.trim()).ok())
            .fold(PermissionSet::default(), |set, pattern| set.union(pattern.expand()))
    };
    roles.iter().map(|role| (role.name.as_str(), expand(role))).collect()
}

pub(super) type GrantsBy<K> = HashMap<K, Arc<[CompiledGrant]>>;

pub(super) fn compile_grants(
    rows: &[GrantRow],
    custom: &HashMap<&str, PermissionSet>,
) -> (GrantsBy<UserId>, GrantsBy<TokenId>) {
    let mut by_user: HashMap<UserId, Vec<CompiledGrant>> = HashMap::new();
    let mut by_token: HashMap<TokenId, Vec<CompiledGrant>> = HashMap::new();
    for row in rows {
        // A built-in role cannot be replaced by a custom one of its name.
        let role = built_in(&row.role).map(|role| role.permissions());
        let Some(permissions) = role.or_else(|| custom.get(row.role.as_str()).copied()) else { continue };
        let Ok(target) = row.target.parse() else { continue };
        // Limits that this version cannot read allow nothing.
        let Ok(limits) = limits_of(row) else { continue };
        let (role, permissions) = (row.role.as_str().into(), given(permissions, &limits));
        let grant =
            CompiledGrant { id: row.id, role, permissions, target, expires_at: row.expires_at, limits };
        match (row.user_id, row.token_id) {
            (Some(user), _) => by_user.entry(user).or_default().push(grant),
            (None, Some(token)) => by_token.entry(token).or_default().push(grant),
            (None, None) => {}
        }
    }
    (freeze(by_user), freeze(by_token))
}

/// What of a service a grant lets one call.
pub(super) fn limits_of(row: &GrantRow) -> Result<CallLimits, InvalidLimit> {
    CallLimits::read(row.methods.as_deref(), row.path_prefix.as_deref())
}

fn freeze<K: Eq + std::hash::Hash>(grants: HashMap<K, Vec<CompiledGrant>>) -> GrantsBy<K> {
    grants.into_iter().map(|(key, list)| (key, list.into())).collect()
}
