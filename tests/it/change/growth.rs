//! A long random walk through all changes: whatever somebody was allowed to do, nobody may do more after it than they,
//! or whoever changed it, might before.

use super::{NOW, add, by, email, grant, own, person};
use crate::support::database::{TestDb, each};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rack_gateway::{
    core::Timestamp,
    identity::{
        Explanation, Principal,
        change::{
            Actor, administrators,
            grants::{self, Holder, NewGrant},
            roles::{self, NewRole, RoleEdit},
            tokens::{self, NewToken},
            users::{self, NewUser},
        },
        settings::Settings,
    },
    policy::{Demand, Permission, Target},
    store::{AccessRows, Db},
};

const PEOPLE: [&str; 4] = ["ada", "bob", "eve", "dan"];
const ROLES: [&str; 6] = ["viewer", "ops", "deployer", "admin", "desk", "night"];
const PATTERNS: [&str; 7] = ["*", "a", "rack:a", "rack:a/web", "repo:a/**", "gateway:*", "rack:*"];
const PERMISSIONS: [&str; 6] =
    ["*:*:*", "convox:*:*", "gateway:*:*", "convox:app:list", "convox:app:restart", "registry:repo:pull"];

#[derive(Clone, Debug)]
enum Step {
    Grant { to: &'static str, role: &'static str, target: &'static str, end: Option<i64> },
    Remove(usize),
    Create { role: &'static str, target: &'static str },
    Delete(&'static str),
    Lock(&'static str),
    Unlock(&'static str),
    Role(Vec<&'static str>),
    EditRole(Vec<&'static str>),
    DropRole,
    Token { owner: &'static str, role: &'static str, target: &'static str },
}

fn step() -> impl Strategy<Value = (&'static str, Step)> {
    let person = || prop::sample::select(PEOPLE.to_vec());
    let role = || prop::sample::select(ROLES.to_vec());
    let target = || prop::sample::select(PATTERNS.to_vec());
    let end = prop::option::of(1i64..100);
    let permissions = || prop::sample::subsequence(PERMISSIONS.to_vec(), 1..4);
    let step = prop_oneof![
        4 => (person(), role(), target(), end).prop_map(|(to, role, target, end)| Step::Grant { to, role, target, end }),
        2 => (0usize..12).prop_map(Step::Remove),
        2 => (role(), target()).prop_map(|(role, target)| Step::Create { role, target }),
        1 => person().prop_map(Step::Delete),
        1 => person().prop_map(Step::Lock),
        2 => person().prop_map(Step::Unlock),
        1 => permissions().prop_map(Step::Role),
        2 => permissions().prop_map(Step::EditRole),
        1 => Just(Step::DropRole),
        3 => (person(), role(), target()).prop_map(|(owner, role, target)| Step::Token { owner, role, target }),
    ];
    (person(), step)
}

async fn take(db: &Db, who: &Principal, step: &Step, count: usize) -> bool {
    let with = |role: &str, target: &str, end: Option<i64>| NewGrant {
        expires_at: end.map(|end| Timestamp::from_micros(NOW.as_micros() + end)),
        ..grant(role, target)
    };
    let owned = |list: &[&'static str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    match step {
        Step::Grant { to, role, target, end } => {
            let actor = by(who, Permission::GrantUpdate);
            grants::add(db, &actor, NOW, &Holder::User(email(to)), &with(role, target, *end)).await.is_ok()
        }
        Step::Remove(index) => {
            let all = db.grants().await.unwrap();
            let Some(row) = all.get(index % all.len().max(1)) else { return false };
            grants::remove(db, &by(who, Permission::GrantUpdate), NOW, row.id).await.is_ok()
        }
        Step::Create { role, target } => {
            let new = NewUser {
                email: email(&format!("new{count}")),
                name: String::new(),
                grants: vec![with(role, target, None)],
            };
            users::create(db, &by(who, Permission::UserCreate), NOW, &new).await.is_ok()
        }
        Step::Delete(whom) => {
            users::delete(db, &by(who, Permission::UserDelete), NOW, &email(whom)).await.is_ok()
        }
        Step::Lock(whom) => {
            users::lock(db, &by(who, Permission::UserUpdate), NOW, &email(whom), "").await.is_ok()
        }
        Step::Unlock(whom) => {
            users::unlock(db, &by(who, Permission::UserUpdate), NOW, &email(whom)).await.is_ok()
        }
        Step::Role(permissions) => {
            let permissions = owned(permissions);
            let new = NewRole { name: "night".into(), description: String::new(), permissions };
            roles::create(db, &by(who, Permission::RoleUpdate), NOW, &new).await.is_ok()
        }
        Step::EditRole(permissions) => {
            let edit = RoleEdit { permissions: Some(owned(permissions)), description: None };
            roles::update(db, &by(who, Permission::RoleUpdate), NOW, "night", &edit).await.is_ok()
        }
        Step::DropRole => roles::remove(db, &by(who, Permission::RoleUpdate), NOW, "night").await.is_ok(),
        Step::Token { owner, role, target } => {
            let new = NewToken {
                owner: email(owner),
                name: format!("token{count}"),
                expires_at: None,
                grants: vec![with(role, target, None)],
            };
            let is_own = *who.user.email == email(owner);
            let actor = if is_own { own(who) } else { by(who, Permission::TokenCreate) };
            tokens::create(db, &actor, NOW, &Settings::default(), &new).await.is_ok()
        }
    }
}

/// What can be done, by person or token, as (name, permission, target, when).
fn can(rows: &AccessRows, name: &str, permission: Permission, target: &Target, at: Timestamp) -> bool {
    let demand = Demand { permission, target: target.clone() };
    if let Some(user) = rows.users.iter().find(|user| user.email == name) {
        return Explanation::of_user(rows, user, demand, at).is_allowed();
    }
    let token = rows.tokens.iter().find(|token| token.name == name);
    token.is_some_and(|token| Explanation::of_token(rows, token, demand, at).is_allowed())
}

fn nothing_grew(before: &AccessRows, after: &AccessRows, actor: &str, what: &str) {
    let permissions =
        [Permission::AppList, Permission::AppRestart, Permission::RepoPull, Permission::UserUpdate];
    let targets =
        [Target::app("a", "web"), Target::app("b", "web"), Target::repository("a/x"), Target::gateway()];
    let names =
        after.users.iter().map(|user| &user.email).chain(after.tokens.iter().map(|token| &token.name));
    for name in names {
        for permission in permissions {
            for target in &targets {
                for at in [0, 50].map(|later| Timestamp::from_micros(NOW.as_micros() + later)) {
                    let grown = can(after, name, permission, target, at)
                        && !can(before, name, permission, target, at)
                        && !can(before, actor, permission, target, at);
                    assert!(!grown, "{actor}: {what}: {name} may {permission} on {target} now");
                }
            }
        }
    }
}

#[tokio::test]
async fn privilege_never_grows() {
    each(async |db: TestDb| {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let desk = NewRole {
            name: "desk".into(),
            description: String::new(),
            permissions: vec!["gateway:*:*".into(), "convox:app:list".into()],
        };
        roles::create(&db, &Actor::Operator, NOW, &desk).await.unwrap();
        let mut done = 0;
        for count in 0..300 {
            restock(&db).await;
            let (name, step) = step().new_tree(&mut runner).unwrap().current();
            let before = db.standing_rows().await.unwrap();
            let locked =
                before.users.iter().any(|user| user.email == email(name) && user.locked_at.is_some());
            if locked {
                users::unlock(&db, &Actor::Operator, NOW, &email(name)).await.unwrap();
                continue;
            }
            let who = person(&db, name).await;
            if !take(&db, &who, &step, count).await {
                continue;
            }
            let after = db.standing_rows().await.unwrap();
            nothing_grew(&before, &after, &email(name), &format!("{step:?}"));
            assert!(!administrators(&after).is_empty(), "{name}: {step:?}");
            done += 1;
        }
        assert!(done > 25, "only {done} steps did anything");
    })
    .await;
}

/// The four are there again, each with a different measure of rights; what was made on the way goes.
async fn restock(db: &Db) {
    let users = db.users().await.unwrap();
    if users.len() > 12 {
        for user in users.iter().filter(|user| user.email.starts_with("new")) {
            let _ = users::delete(db, &Actor::Operator, NOW, &user.email).await;
        }
    }
    for (name, role, target) in
        [("ada", "admin", "*"), ("bob", "desk", "*"), ("eve", "desk", "gateway:*"), ("dan", "ops", "rack:a")]
    {
        if !users.iter().any(|user| user.email == email(name)) {
            add(db, name, role, target).await;
        }
    }
}
