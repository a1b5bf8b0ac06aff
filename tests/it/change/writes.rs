//! What is written is what was decided, and the rows in memory say the same as those in the database.

use super::{NOW, add, email};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::Timestamp,
    store::{AccessRows, AccessWrite, GrantRow, RoleRow, SettingRow, StoreError, Subject, TokenRow, UserRow},
};

/// Every kind of write once, in an order in which each finds what it names.
async fn all(db: &TestDb) -> Vec<AccessWrite> {
    let ada = add(db, "ada", "admin", "*").await;
    let eve = add(db, "eve", "ops", "*").await;
    let bob = UserRow::new(&email("bob"), "Bob", NOW);
    let old = db.grants().await.unwrap().into_iter().find(|grant| grant.user_id == Some(eve)).unwrap().id;
    let token = |owner, name: &str, byte| TokenRow {
        created_by: Some(ada),
        ..TokenRow::new(owner, name, vec![byte; 32], NOW)
    };
    let (laptop, ci) = (token(ada, "laptop", 1), token(bob.id, "ci", 2));
    let role = RoleRow {
        name: "night".into(),
        description: "Night shift".into(),
        permissions: "convox:app:*".into(),
        created_at: NOW,
    };
    let setting = |value: &str| SettingRow {
        key: "mfa_require_all_users".into(),
        value: value.to_owned(),
        updated_at: NOW,
        updated_by: Some(ada),
    };
    vec![
        AccessWrite::AddUser(bob.clone()),
        AccessWrite::AddRole(role.clone()),
        AccessWrite::AddGrant(GrantRow::new(Subject::User(bob.id), "night", "a/*", None, NOW)),
        AccessWrite::AddToken(laptop.clone()),
        AccessWrite::AddToken(ci.clone()),
        AccessWrite::AddGrant(GrantRow::new(Subject::Token(ci.id), "ops", "*", None, NOW)),
        AccessWrite::AddGrant(GrantRow::new(Subject::Token(laptop.id), "ops", "*", None, NOW)),
        AccessWrite::SetToken { id: laptop.id, name: "desk".into(), expires_at: Some(NOW) },
        AccessWrite::RevokeToken { id: laptop.id, at: NOW },
        AccessWrite::SetUser { id: ada, email: email("lovelace"), name: "Countess".into() },
        AccessWrite::LockUser { id: eve, at: NOW, reason: "left".into() },
        AccessWrite::RemoveGrant(old),
        AccessWrite::EndSessions { user: eve, why: "test", at: NOW },
        AccessWrite::ForgetStepUp(ada),
        AccessWrite::RevokeLinks { email: email("ada"), at: NOW },
        AccessWrite::ResetMfa(ada),
        AccessWrite::UnlockUser(eve),
        AccessWrite::SetRole {
            name: "night".into(),
            description: String::new(),
            permissions: "convox:*:*\ngateway:user:read".into(),
        },
        AccessWrite::PutSetting(setting("true")),
        AccessWrite::PutSetting(setting("false")),
        AccessWrite::DeleteUser(bob.id),
        AccessWrite::RemoveRole("night".into()),
        AccessWrite::DropSetting("mfa_require_all_users".into()),
    ]
}

fn sorted(mut rows: AccessRows) -> AccessRows {
    rows.grants.sort_by_key(|grant| grant.id);
    rows.tokens.sort_by_key(|token| token.id);
    rows.epoch = 0;
    rows
}

fn same(left: &AccessRows, right: &AccessRows, what: &str) {
    assert_eq!(left.users, right.users, "{what}");
    assert_eq!(left.roles, right.roles, "{what}");
    assert_eq!(left.tokens, right.tokens, "{what}");
    assert_eq!(left.grants, right.grants, "{what}");
    assert_eq!(left.settings, right.settings, "{what}");
}

#[tokio::test]
async fn each_write_does_in_the_database_what_it_does_in_memory() {
    each(async |db: TestDb| {
        for write in all(&db).await {
            let before = db.standing_rows().await.unwrap();
            let expected = sorted(before.after(std::slice::from_ref(&write)));
            db.decide::<_, StoreError>(None, |_| Ok((vec![write.clone()], ()))).await.unwrap().unwrap();
            let after = db.standing_rows().await.unwrap();
            assert!(after.epoch > before.epoch, "{write:?}");
            same(&sorted(after), &expected, &format!("{write:?}"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_or_fails_leaves_no_trace() {
    each(async |db: TestDb| {
        add(&db, "ada", "admin", "*").await;
        let before = db.standing_rows().await.unwrap();
        let refused: Result<(), &str> = db.decide(None, |_| Err("no")).await.unwrap();
        assert_eq!(refused, Err("no"));
        // The second write fails on what is unique, so the first must go too.
        let bob = AccessWrite::AddUser(UserRow::new(&email("bob"), "", NOW));
        let ada = AccessWrite::AddUser(UserRow::new(&email("ada"), "", NOW));
        let failed = db.decide::<_, StoreError>(None, |_| Ok((vec![bob, ada], ()))).await;
        assert!(matches!(failed, Err(StoreError::Exists(_))), "{failed:?}");
        let after = db.standing_rows().await.unwrap();
        assert_eq!(after.epoch, before.epoch);
        same(&after, &before, "nothing was changed");
        // And the writer is free again.
        add(&db, "eve", "ops", "*").await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_sees_what_the_one_before_it_wrote() {
    each(async |db: TestDb| {
        let other = db.again().await;
        let count = async |db: &rack_gateway::store::Db| {
            for index in 0..20 {
                let name = format!("{index}-{}", rack_gateway::core::RequestId::new(NOW));
                db.decide::<_, StoreError>(None, |rows| {
                    // At most ten, however many try at once.
                    let room = rows.users.len() < 10;
                    let user = UserRow::new(&email(&name), "", Timestamp::from_micros(index));
                    Ok((if room { vec![AccessWrite::AddUser(user)] } else { vec![] }, ()))
                })
                .await
                .unwrap()
                .unwrap();
            }
        };
        tokio::join!(count(&db), count(&other));
        assert_eq!(db.users().await.unwrap().len(), 10);
        other.close().await;
    })
    .await;
}
