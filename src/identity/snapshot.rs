//! The access tables in the shape in which a request looks things up: one hash map, decisions precompiled.

use super::{TokenIdentity, UserIdentity, token::TokenHash};
use crate::{
    core::{
        Timestamp,
        id::{TokenId, UserId},
    },
    policy::{CompiledGrant, PermissionPattern, PermissionSet, Rights, built_in},
    store::{AccessRows, Epoch, GrantRow, RoleRow},
};
use std::{collections::HashMap, sync::Arc};

#[derive(Debug)]
pub struct AccessSnapshot {
    pub epoch: Epoch,
    tokens: HashMap<TokenHash, TokenEntry>,
}

#[derive(Debug)]
pub(super) struct TokenEntry {
    pub user: Arc<UserIdentity>,
    pub token: Arc<TokenIdentity>,
    pub rights: Rights,
    pub expires_at: Option<Timestamp>,
    pub standing: Standing,
}

/// Why a token that exists may still not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Revoked,
    OwnerLocked,
}

impl AccessSnapshot {
    pub fn compile(rows: &AccessRows) -> Self {
        let roles = role_permissions(&rows.roles);
        let (by_user, by_token) = compile_grants(&rows.grants, &roles);
        let users: HashMap<UserId, _> = rows.users.iter().map(|user| (user.id, user)).collect();
        let identities: HashMap<UserId, Arc<UserIdentity>> = rows
            .users
            .iter()
            .map(|user| {
                let identity =
                    UserIdentity { id: user.id, email: user.email.as_str().into(), name: user.name.clone() };
                (user.id, Arc::new(identity))
            })
            .collect();
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
        Self { epoch: rows.epoch, tokens: tokens.collect() }
    }

    pub(super) fn token(&self, hash: &TokenHash) -> Option<&TokenEntry> {
        self.tokens.get(hash)
    }
}

/// The permissions of each custom role. Patterns that this version does not know give nothing.
fn role_permissions(roles: &[RoleRow]) -> HashMap<&str, PermissionSet> {
    let expand = |role: &RoleRow| {
        role.permissions
            .lines()
            .filter_map(|line| PermissionPattern::parse(line.trim()).ok())
            .fold(PermissionSet::default(), |set, pattern| set.union(pattern.expand()))
    };
    roles.iter().map(|role| (role.name.as_str(), expand(role))).collect()
}

type GrantsBy<K> = HashMap<K, Arc<[CompiledGrant]>>;

fn compile_grants(
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
        let role = row.role.as_str().into();
        let grant = CompiledGrant { id: row.id, role, permissions, target, expires_at: row.expires_at };
        match (row.user_id, row.token_id) {
            (Some(user), _) => by_user.entry(user).or_default().push(grant),
            (None, Some(token)) => by_token.entry(token).or_default().push(grant),
            (None, None) => {}
        }
    }
    (freeze(by_user), freeze(by_token))
}

fn freeze<K: Eq + std::hash::Hash>(grants: HashMap<K, Vec<CompiledGrant>>) -> GrantsBy<K> {
    grants.into_iter().map(|(key, list)| (key, list.into())).collect()
}
