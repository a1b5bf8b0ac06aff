//! From somebody a provider vouches for to a user, or to the reason why not.

use super::{
    change::groups::{GroupGrants, Settled, of_group},
    providers::Vouched,
};
use crate::{
    config::GroupRole,
    core::{SharedClock, Timestamp},
    policy::{InvalidPattern, TargetPattern},
    store::{Db, GrantRow, IdentityRow, LinkRow, NewPerson, StoreError, Subject, Ticket, UserRow},
};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum NotArrived {
    #[error("nobody here has this address, no invitation names it, and no group gives a role")]
    Unknown,
    #[error("the user is locked")]
    Locked,
    #[error("the address belongs to a user who is somebody else at this provider")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotArrived {
    /// A word for the page that the person sees.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "not_authorized",
            Self::Locked => "account_locked",
            Self::Conflict => "identity_conflict",
            Self::Store(_) => "service_unavailable",
        }
    }
}

/// Who has come in, and what changed by it.
#[derive(Debug)]
pub struct Arrived {
    pub user: UserRow,
    pub changes: Vec<String>,
    /// Roles that groups gave and took away, of somebody who was here before.
    pub given: Vec<GrantRow>,
    pub taken: Vec<GrantRow>,
}

/// Which groups hold which roles.
#[derive(Clone, Debug, Default)]
pub struct GroupRoles(Arc<[GroupRole]>);

impl GroupRoles {
    pub fn new(roles: &[GroupRole]) -> Result<Self, (String, InvalidPattern)> {
        for role in roles {
            let target = role.target.parse::<TargetPattern>();
            target.map_err(|error| (role.target.clone(), error))?;
        }
        Ok(Self(roles.into()))
    }

    /// Role and target, each pair once.
    fn of(&self, provider: &str, groups: &[String]) -> Vec<(&str, &str)> {
        let mine = self.0.iter().filter(|role| role.provider == provider && groups.contains(&role.group));
        let mut pairs: Vec<_> = mine.map(|role| (role.role.as_str(), role.target.as_str())).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pub db: Db,
    pub clock: SharedClock,
    pub roles: GroupRoles,
    /// Whether people come in whom nobody here knows.
    pub provision: bool,
}

impl Arrivals {
    pub async fn arrive(&self, provider: &str, who: &Vouched) -> Result<Arrived, NotArrived> {
        match Box::pin(self.find_or_add(provider, who)).await {
            // Two logins of one new person at the same time: the second finds what the first wrote.
            Err(NotArrived::Store(StoreError::Exists(_) | StoreError::NotFound(_))) => {
                Box::pin(self.find_or_add(provider, who)).await
            }
            first => first,
        }
    }

    async fn find_or_add(&self, provider: &str, who: &Vouched) -> Result<Arrived, NotArrived> {
        let mut changes = Vec::new();
        let user = match self.known(who, &mut changes).await? {
            Some(user) => user,
            None => return self.welcome(provider, who).await,
        };
        let Settled { given, taken, kept } = self.settle_groups(provider, who, &user).await?;
        let tell =
            |word: &'static str| move |grant: &GrantRow| format!("{word} {} on {}", grant.role, grant.target);
        changes.extend(taken.iter().map(tell("lost")));
        changes.extend(given.iter().map(tell("got")));
        changes.extend(kept.iter().map(tell("kept, as the last administrator,")));
        self.db.note_login(&who.issuer, &who.subject, &who.email, self.clock.now()).await?;
        Ok(Arrived { user, changes, given, taken })
    }

    /// By the identity; else by the address, which then is tied to it for good.
    async fn known(&self, who: &Vouched, changes: &mut Vec<String>) -> Result<Option<UserRow>, NotArrived> {
        if let Some(identity) = self.db.identity(&who.issuer, &who.subject).await? {
            let user = self.db.user_by_id(identity.user_id).await?;
            return user.map(unlocked).transpose();
        }
        let user = match self.db.user_by_email(&who.email).await {
            Ok(user) => unlocked(user)?,
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let others = self.db.identities_of(user.id).await?;
        if let Some(other) = others.iter().find(|other| other.issuer == who.issuer) {
            // Another login of the same person may have tied it since we looked.
            return if other.subject == who.subject { Ok(Some(user)) } else { Err(NotArrived::Conflict) };
        }
        self.db.add_identity(&identity(who, &user, self.clock.now())).await?;
        changes.push(format!("tied to {}", who.issuer));
        Ok(Some(user))
    }

    async fn welcome(&self, provider: &str, who: &Vouched) -> Result<Arrived, NotArrived> {
        let now = self.clock.now();
        let invitation = self.db.open_invitation(&who.email, now).await?;
        let roles = self.roles.of(provider, &who.groups);
        if invitation.is_none() && roles.is_empty() && !self.provision {
            return Err(NotArrived::Unknown);
        }
        let name = if who.name.is_empty() { &who.email } else { &who.name };
        let user = UserRow::new(&who.email, name, now);
        let mut grants: Vec<_> = roles.iter().map(|role| of_group(provider, user.id, *role, now)).collect();
        grants.extend(invitation.as_ref().and_then(|link| invited(link, &user, now)));
        let changes = std::iter::once("added the user".to_owned())
            .chain(grants.iter().map(|grant| format!("{} on {}", grant.role, grant.target)))
            .collect();
        let ticket = invitation.map_or(Ticket::None, |link| Ticket::Invitation(link.id));
        let identity = Some(identity(who, &user, now));
        self.db.add_person(&NewPerson { user: user.clone(), identity, grants, ticket }).await?;
        Ok(Arrived { user, changes, given: Vec::new(), taken: Vec::new() })
    }

    async fn settle_groups(
        &self,
        provider: &str,
        who: &Vouched,
        user: &UserRow,
    ) -> Result<Settled, NotArrived> {
        let wanted = self.roles.of(provider, &who.groups);
        let grants = GroupGrants { provider, user: user.id, wanted };
        let settled = grants.settle(&self.db, self.clock.now()).await?;
        for GrantRow { role, target, .. } in &settled.kept {
            let user = &user.email;
            tracing::error!(%user, role, target, "no group gives this role any more, and it stays: nobody else is administrator");
        }
        Ok(settled)
    }
}

fn unlocked(user: UserRow) -> Result<UserRow, NotArrived> {
    if user.locked_at.is_some() { Err(NotArrived::Locked) } else { Ok(user) }
}

fn identity(who: &Vouched, user: &UserRow, now: Timestamp) -> IdentityRow {
    IdentityRow {
        issuer: who.issuer.clone(),
        subject: who.subject.clone(),
        user_id: user.id,
        email: who.email.clone(),
        created_at: now,
        last_login_at: Some(now),
    }
}

/// What an invitation gives.
pub(super) fn invited(link: &LinkRow, user: &UserRow, now: Timestamp) -> Option<GrantRow> {
    let role = link.role.as_deref()?;
    let target = link.target.as_deref().unwrap_or("*");
    Some(GrantRow::new(Subject::User(user.id), role, target, None, now))
}
