//! Five failures in five minutes lock the account, however they are spread.

use super::{IP, NOW, World, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::Secret,
    identity::{Proof, mfa::MfaError},
    store::{AuditFilter, Grounds},
};

#[tokio::test]
async fn five_failures_lock_and_are_recorded() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        for index in 0..4 {
            let result = world.try_code(&who, &app.wrong_code(NOW, index * 1_000), later(1)).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{index}: {result:?}");
        }
        let fifth = world.try_code(&who, &app.wrong_code(NOW, 9_000), later(2)).await;
        assert!(matches!(fifth, Err(MfaError::Locked)), "{fifth:?}");
        let row = db.user_by_email("ada@example.com").await.unwrap();
        assert_eq!(row.locked_reason.as_deref(), Some("Automatic lock: 5 failed MFA attempts in 5 minutes"));
        let right = world.try_code(&who, app.code(later(3)).expose(), later(3)).await;
        assert!(matches!(right, Err(MfaError::Locked)), "the right code too: {right:?}");

        let filter = AuditFilter { action: Some("user.lock".into()), limit: 10, ..AuditFilter::default() };
        let rows = db.audit_rows(&filter).await.unwrap();
        assert_eq!(rows.len(), 1, "one lock, one record");
        let record = String::from_utf8(rows[0].record.clone()).unwrap();
        assert!(record.contains("ada@example.com") && record.contains("the last from 192.0.2.7"), "{record}");
    })
    .await;
}

/// Authelia CVE-2025-24806, Vault CVE-2025-6004: another spelling, kind, session, address, replica or process had
/// a budget of its own.
#[tokio::test]
async fn cve_2025_24806_the_budget_is_one_however_it_is_spread() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let mut key = world.enrol_key(&who, Grounds::Proved).await.unwrap();
        let other_session = world.login("ada@example.com").await;
        let code = app.wrong_code(NOW, 0);

        let wrong = |result| assert!(matches!(result, Err(MfaError::Wrong)), "{result:?}");
        wrong(world.try_code(&who, &format!(" {code} "), NOW).await);
        wrong(world.try_code(&other_session, "AAAA-BBBB-CCCC", NOW).await);
        key.claims.flags = 0;
        wrong(world.try_key(&who, &key, NOW).await);
        let elsewhere = "2001:db8::1".parse().unwrap();
        let replica = World::replica(&db).await;
        wrong(replica.mfa.verify(&who, &Proof::Code(Secret::new(code.as_str())), elsewhere, NOW).await);
        let restarted = World::replica(&db).await;
        let fifth = restarted.try_code(&who, &code, NOW).await;
        assert!(matches!(fifth, Err(MfaError::Locked)), "{fifth:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_guesses_at_once_are_no_more_than_the_budget() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let replica = World::replica(&db).await;
        let tries: Vec<_> = (0..40)
            .map(|index| {
                let world = if index % 2 == 0 { world.clone() } else { replica.clone() };
                let (who, code) = (who.clone(), app.wrong_code(NOW, index * 1_000));
                tokio::spawn(async move { world.try_code(&who, &code, NOW).await })
            })
            .collect();
        let mut looked_at = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Err(MfaError::Wrong) => looked_at += 1,
                Err(MfaError::Busy | MfaError::Locked) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(looked_at, 4, "the fifth locks");
        assert!(world.is_locked(&who).await);
    })
    .await;
}

#[tokio::test]
async fn a_success_does_not_buy_new_guesses() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        for index in 0..4 {
            let _ = world.try_code(&who, &app.wrong_code(NOW, index * 1_000), NOW).await;
        }
        world.try_code(&who, app.code(NOW).expose(), NOW).await.unwrap();
        let fifth = world.try_code(&who, &app.wrong_code(NOW, 9_000), NOW).await;
        assert!(matches!(fifth, Err(MfaError::Locked)), "{fifth:?}");
    })
    .await;
}

#[tokio::test]
async fn time_and_an_administrator_forgive() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        for index in 0..4 {
            let _ = world.try_code(&who, &app.wrong_code(NOW, index * 1_000), NOW).await;
        }
        let after = later(301);
        for index in 0..4 {
            let result = world.try_code(&who, &app.wrong_code(after, index * 1_000), after).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{index}: {result:?}");
        }
        let fifth = world.try_code(&who, &app.wrong_code(after, 9_000), after).await;
        assert!(matches!(fifth, Err(MfaError::Locked)), "{fifth:?}");

        db.set_user_lock("ada@example.com", None).await.unwrap();
        world.try_code(&who, app.code(after).expose(), after).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_could_never_be_right_costs_nothing() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        for _ in 0..10 {
            for typed in ["12345", "1234567", "hello", ""] {
                let result = world.try_code(&who, typed, NOW).await;
                assert!(matches!(result, Err(MfaError::Malformed(_))), "{result:?}");
            }
            let packed = Proof::WebAuthn(Secret::new("e30="));
            let result = world.mfa.verify(&who, &packed, IP, NOW).await;
            assert!(matches!(result, Err(MfaError::Malformed(_))), "{result:?}");
        }
        world.try_code(&who, app.code(NOW).expose(), NOW).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_persons_failures_are_not_anothers() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, app) = world.person_with_app("ada@example.com").await;
        let (bob, his) = world.person_with_app("bob@example.com").await;
        for index in 0..5 {
            let _ = world.try_code(&ada, &app.wrong_code(NOW, index * 1_000), NOW).await;
        }
        assert!(world.is_locked(&ada).await);
        world.try_code(&bob, his.code(NOW).expose(), NOW).await.unwrap();
    })
    .await;
}
