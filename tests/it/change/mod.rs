//! Changes of who may do what, on databases of both engines.

mod growth;
mod last_admin;
mod rules;
mod writes;

use rack_gateway::{
    core::{Timestamp, id::UserId},
    identity::{
        AccessSnapshot, Presented, Principal, authenticate,
        change::{Actor, grants::NewGrant},
        session::IdleLimits,
        token::{self, TokenHash},
    },
    policy::{CallLimits, Permission},
    store::{Db, GrantRow, NewToken, SessionRow, Subject, TokenRow},
};

pub const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// Somebody with a role on a target.
pub async fn add(db: &Db, name: &str, role: &str, target: &str) -> UserId {
    let user = db.add_user(&email(name), name, NOW).await.unwrap();
    db.add_grant(&GrantRow::new(Subject::User(user.id), role, target, None, NOW)).await.unwrap();
    user.id
}

/// The person, with a session.
pub async fn person(db: &Db, name: &str) -> Principal {
    let user = db.user_by_email(&email(name)).await.unwrap();
    let secret = token::generate_session();
    let hash = TokenHash::of(secret.expose());
    let session = SessionRow {
        step_up_at: Some(NOW),
        ..SessionRow::new(user.id, hash.as_bytes(), NOW, Timestamp::from_micros(i64::MAX))
    };
    db.add_session(&session).await.unwrap();
    present(db, &Presented::Session(hash)).await
}

/// A token of somebody, with a role on everything.
pub async fn token(db: &Db, owner: UserId, name: &str, role: &str) -> Principal {
    let secret = token::generate();
    let hash = TokenHash::of(secret.expose());
    let row = TokenRow::new(owner, name, hash.as_bytes(), NOW);
    let grants = vec![GrantRow::new(Subject::Token(row.id), role, "*", None, NOW)];
    db.add_token(&NewToken { token: row, grants }).await.unwrap();
    present(db, &Presented::Token(hash)).await
}

async fn present(db: &Db, presented: &Presented) -> Principal {
    let rows = db.access_rows(NOW).await.unwrap();
    authenticate(&AccessSnapshot::compile(&rows, IdleLimits::default()), presented, NOW).unwrap()
}

pub fn by(principal: &Principal, permission: Permission) -> Actor<'_> {
    Actor::Caller { principal, needs: Some(permission) }
}

pub fn own(principal: &Principal) -> Actor<'_> {
    Actor::Caller { principal, needs: None }
}

pub fn grant(role: &str, target: &str) -> NewGrant {
    NewGrant {
        role: role.to_owned(),
        target: target.parse().unwrap(),
        expires_at: None,
        limits: CallLimits::default(),
    }
}
