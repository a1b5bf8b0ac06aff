//! Rows made by hand, for the rules that need no database.

use super::{Actor, Done, Refused, Scene};
use crate::{
    core::{
        Timestamp,
        id::{SessionId, UserId},
    },
    identity::{Channel, Principal, SessionIdentity, UserIdentity, Via},
    policy::{Permission, Rights},
    store::{AccessRows, AccessWrite, GrantRow, RoleRow, SessionRow, Subject, UserRow},
};
use std::sync::{Arc, atomic::AtomicI64};

pub const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

pub struct World {
    pub rows: AccessRows,
}

impl World {
    /// Users by name, each with a role on a target.
    pub fn with(grants: &[(&str, &str, &str)]) -> Self {
        let rows = AccessRows {
            epoch: 1,
            users: Vec::new(),
            roles: Vec::new(),
            tokens: Vec::new(),
            grants: Vec::new(),
            sessions: Vec::new(),
            settings: Vec::new(),
            invitations: Vec::new(),
        };
        let mut world = Self { rows };
        for (name, role, target) in grants {
            world.give(name, role, target, None);
        }
        world
    }

    pub fn give(&mut self, name: &str, role: &str, target: &str, end: Option<Timestamp>) {
        let email = email(name);
        if !self.rows.users.iter().any(|user| user.email == email) {
            self.rows.users.push(UserRow::new(&email, name, NOW));
        }
        let subject = Subject::User(self.user(name).id);
        self.rows.grants.push(GrantRow::new(subject, role, target, end, NOW));
    }

    pub fn role(&mut self, name: &str, permissions: &str) {
        let role = RoleRow {
            name: name.to_owned(),
            description: String::new(),
            permissions: permissions.to_owned(),
            created_at: NOW,
        };
        self.rows.roles.push(role);
    }

    pub fn user(&self, name: &str) -> &UserRow {
        self.rows.users.iter().find(|user| user.email == email(name)).unwrap()
    }

    /// The person with a session.
    pub fn person(&self, name: &str) -> Principal {
        let user = self.user(name);
        let identity = UserIdentity {
            id: user.id,
            email: user.email.as_str().into(),
            name: user.name.clone(),
            mfa_enrolled: true,
        };
        let session = SessionIdentity {
            id: SessionId::new(NOW),
            channel: Channel::Web,
            method: "passkey".into(),
            created_at: NOW,
            expires_at: Timestamp::from_micros(i64::MAX),
            step_up_at: None,
            is_outgrown: false,
            last_seen: AtomicI64::new(NOW.as_micros()),
        };
        Principal {
            user: Arc::new(identity),
            via: Via::Session(Arc::new(session)),
            rights: Rights::of_user([].into()),
        }
    }

    /// What `decide` says when the person acts with `needs`.
    pub fn decide<T>(
        &self,
        name: &str,
        needs: Option<Permission>,
        decide: impl FnOnce(&Scene<'_>) -> Result<(Vec<AccessWrite>, Done<T>), Refused>,
    ) -> Result<Vec<AccessWrite>, Refused> {
        let principal = self.person(name);
        let rows = AccessRows { sessions: session_of(&principal), ..self.rows.clone() };
        let scene = Scene::of(&rows, &Actor::Caller { principal: &principal, needs }, NOW)?;
        decide(&scene).map(|(writes, _)| writes)
    }

    pub fn operator(&self) -> Scene<'_> {
        Scene::of(&self.rows, &Actor::Operator, NOW).unwrap()
    }

    pub fn id(&self, name: &str) -> UserId {
        self.user(name).id
    }
}

/// The row of the session by which the person is there.
fn session_of(principal: &Principal) -> Vec<SessionRow> {
    let row = |session: &Arc<SessionIdentity>| SessionRow {
        id: session.id,
        method: session.method.to_string(),
        step_up_at: session.step_up_at,
        ..SessionRow::new(principal.user.id, &[], NOW, session.expires_at)
    };
    principal.session().map(row).into_iter().collect()
}

pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}
