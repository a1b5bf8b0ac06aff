//! What a decision looks at: the rows of the moment, who acts, and what they hold.

use super::Refused;
use crate::{
    core::{
        Timestamp,
        id::{SessionId, TokenId, UserId},
    },
    identity::{
        Principal, Via,
        snapshot::{compile_grants, limits_of, role_permissions},
    },
    policy::{NotYours, Offer, Permission, PermissionSet, Rights, Target, TargetPattern, built_in, may_give},
    store::{AccessRows, GrantRow, UserRow},
};

/// Who wants a change.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Whoever may open the database itself: the command line on the machine, the start of the process.
    Operator,
    /// A caller, and the permission on the gateway that lets them; `None` for what is their own.
    Caller { principal: &'a Principal, needs: Option<Permission> },
}

impl Actor<'_> {
    pub(super) fn session(&self) -> Option<SessionId> {
        match self {
            Actor::Operator => None,
            Actor::Caller { principal, .. } => principal.session().map(|session| session.id),
        }
    }
}

#[derive(Debug)]
pub struct Scene<'a> {
    pub rows: &'a AccessRows,
    pub now: Timestamp,
    /// `None` for the operator, who may give anything.
    caller: Option<Standing>,
}

#[derive(Debug)]
struct Standing {
    user: UserId,
    rights: Rights,
}

impl<'a> Scene<'a> {
    /// Fails when the caller lost in the meantime what let them in.
    pub(super) fn of(rows: &'a AccessRows, actor: &Actor<'_>, now: Timestamp) -> Result<Self, Refused> {
        let caller = match actor {
            Actor::Operator => None,
            Actor::Caller { principal, needs } => Some(standing(rows, principal, *needs, now)?),
        };
        Ok(Self { rows, now, caller })
    }

    pub fn caller(&self) -> Option<UserId> {
        self.caller.as_ref().map(|caller| caller.user)
    }

    pub fn is_caller(&self, user: UserId) -> bool {
        self.caller() == Some(user)
    }

    pub fn user(&self, email: &str) -> Result<&'a UserRow, Refused> {
        let found = self.rows.users.iter().find(|user| user.email == email);
        found.ok_or_else(|| Refused::NotFound(format!("the user {email}")))
    }

    /// What a role holds now.
    pub fn permissions_of(&self, role: &str) -> Option<PermissionSet> {
        let built_in = built_in(role).map(|role| role.permissions());
        built_in.or_else(|| role_permissions(&self.rows.roles).get(role).copied())
    }

    /// Checks that the actor holds what they want to give.
    pub fn may_give(&self, offer: &Offer) -> Result<(), Refused> {
        match &self.caller {
            None => Ok(()),
            Some(caller) => Ok(may_give(&caller.rights, offer, self.now)?),
        }
    }

    /// Checks that a person holds what one of their tokens is to hold.
    pub fn may_hold(&self, owner: UserId, offer: &Offer) -> Result<(), Refused> {
        Ok(may_give(&rights_of(self.rows, owner), offer, self.now)?)
    }

    /// Who takes over an account has what it has, so they must have it already: all that its grants give, and those
    /// whose role is gone must not come back to life in other hands either.
    pub fn may_take_over(&self, user: UserId) -> Result<(), Refused> {
        if self.is_caller(user) {
            return Ok(());
        }
        let theirs = self.rows.grants.iter().filter(|grant| grant.user_id == Some(user));
        for grant in theirs.filter(|grant| grant.expires_at.is_none_or(|end| self.now < end)) {
            let Some(offer) = self.offer_of(grant) else { continue };
            self.may_give(&offer).map_err(|_| {
                Refused::NotAllowed(format!(
                    "they hold {} on {}, and you do not hold all of that yourself",
                    grant.role, grant.target
                ))
            })?;
        }
        Ok(())
    }

    /// The same for those who are present as themselves. A token that may delete users does so whatever they hold:
    /// that takes rights out of the world and gives none.
    pub fn may_take_over_if_a_person(&self, user: UserId) -> Result<(), Refused> {
        match self.must_be_a_person() {
            Ok(()) => self.may_take_over(user),
            Err(_) => Ok(()),
        }
    }

    /// What a grant gives now; `None` when that is nothing.
    pub fn offer_of(&self, grant: &GrantRow) -> Option<Offer> {
        let target: TargetPattern = grant.target.parse().ok()?;
        let (permissions, limits) = (self.permissions_of(&grant.role)?, limits_of(grant).ok()?);
        Some(Offer { permissions, target, expires_at: grant.expires_at, limits })
    }
}

fn standing(
    rows: &AccessRows,
    principal: &Principal,
    needs: Option<Permission>,
    now: Timestamp,
) -> Result<Standing, Refused> {
    let user = principal.user.id;
    let is_here = rows.users.iter().any(|row| row.id == user && row.locked_at.is_none());
    let is_good = match &principal.via {
        Via::Session(session) => rows.sessions.iter().any(|row| row.id == session.id),
        Via::Token(token) => rows.tokens.iter().any(|row| row.id == token.id && row.revoked_at.is_none()),
    };
    if !is_here || !is_good {
        return Err(Refused::NotAllowed("you are not let in any more".to_owned()));
    }
    let rights = match &principal.via {
        Via::Session(_) => rights_of(rows, user),
        Via::Token(token) => token_rights(rows, token.id, user),
    };
    if let Some(permission) = needs.filter(|needed| !rights.allow(*needed, &Target::gateway(), now)) {
        return Err(Refused::NotAllowed(format!("you no longer hold {permission} on the gateway")));
    }
    Ok(Standing { user, rights })
}

/// What a person holds, by the rows as they are.
pub(in crate::identity) fn rights_of(rows: &AccessRows, user: UserId) -> Rights {
    let grants: Vec<_> = rows.grants.iter().filter(|grant| grant.user_id == Some(user)).cloned().collect();
    let (by_user, _) = compile_grants(&grants, &role_permissions(&rows.roles));
    Rights::of_user(by_user.get(&user).cloned().unwrap_or_default())
}

/// What a token holds, and its owner.
pub(in crate::identity) fn token_rights(rows: &AccessRows, token: TokenId, owner: UserId) -> Rights {
    let grants: Vec<_> = rows.grants.iter().filter(|grant| grant.token_id == Some(token)).cloned().collect();
    let (_, by_token) = compile_grants(&grants, &role_permissions(&rows.roles));
    Rights::of_token(by_token.get(&token).cloned().unwrap_or_default(), rights_of(rows, owner).own)
}

impl Scene<'_> {
    /// For what a token must never do, whatever it holds.
    pub fn must_be_a_person(&self) -> Result<(), Refused> {
        match &self.caller {
            Some(caller) if caller.rights.owner.is_some() => Err(NotYours::Token.into()),
            _ => Ok(()),
        }
    }
}
