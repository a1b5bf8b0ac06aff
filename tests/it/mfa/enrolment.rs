//! Adding, preferring, naming and removing factors.

use super::{IP, NOW, World, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{Secret, id::MethodId},
    identity::mfa::{Kind, MfaError},
    store::Grounds,
};

#[tokio::test]
async fn enrolled_from_the_first_confirmed_factor_to_the_last() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let enrolled = async || db.user_by_email("ada@example.com").await.unwrap().mfa_enrolled_at;
        let epoch = db.access_epoch().await.unwrap();
        let started = world.mfa.start_totp(&who, Some("Phone"), NOW).await.unwrap();
        assert_eq!(enrolled().await, None, "begun is not confirmed");
        assert!(world.mfa.status(who.user.id, NOW).await.unwrap().methods.is_empty());
        assert_eq!(db.access_epoch().await.unwrap(), epoch);
        drop(started);

        let (app, _) = world.enrol_app(&who, Grounds::First).await.unwrap();
        assert_eq!(enrolled().await, Some(later(-60)));
        assert!(db.access_epoch().await.unwrap() > epoch, "replicas hear of it");
        let key = world.enrol_key(&who, Grounds::Proved).await.unwrap();
        world.mfa.prefer(who.user.id, Some(Kind::Totp)).await.unwrap();

        let removed = world.mfa.remove(who.user.id, app.method, NOW).await.unwrap();
        assert!(!removed.last);
        let status = world.mfa.status(who.user.id, NOW).await.unwrap();
        assert_eq!((status.enrolled, status.preferred), (true, None), "no app to prefer any more");
        assert_eq!(status.backup_codes.unused, 10);
        let [left] = &status.methods[..] else { panic!("{:?}", status.methods) };
        assert_eq!((left.kind, &*left.label), (Kind::WebAuthn, "Blue key"));
        assert!(world.mfa.remove(who.user.id, left.id, NOW).await.unwrap().last);
        assert_eq!(enrolled().await, None);
        assert!(matches!(world.try_key(&who, &key, NOW).await, Err(MfaError::NotEnrolled)));
    })
    .await;
}

/// A stolen session must not add the thief's own factor.
#[tokio::test]
async fn cve_a_second_factor_needs_a_proof_of_the_first() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, _) = world.person_with_app("ada@example.com").await;
        let app = world.enrol_app(&who, Grounds::First).await;
        assert!(matches!(app, Err(MfaError::ProofNeeded)));
        let key = world.enrol_key(&who, Grounds::First).await;
        assert!(matches!(key, Err(MfaError::ProofNeeded)));
        assert_eq!(world.mfa.status(who.user.id, NOW).await.unwrap().methods.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_first_code_costs_an_attempt_and_confirms_nothing() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let started = world.mfa.start_totp(&who, None, NOW).await.unwrap();
        for index in 0..5 {
            let code = Secret::new(format!("{index:06}"));
            let result = world.mfa.confirm_totp(&who, started.method, &code, Grounds::First, IP, NOW).await;
            assert!(matches!(result, Err(MfaError::Wrong | MfaError::Locked)), "{result:?}");
        }
        assert!(world.is_locked(&who).await);
        assert!(world.mfa.status(who.user.id, NOW).await.unwrap().methods.is_empty());
    })
    .await;
}

#[tokio::test]
async fn cve_confirming_is_for_its_owner_in_time_and_once() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let ada = world.person("ada@example.com").await;
        let bob = world.person("bob@example.com").await;
        let (app, _) = world.enrol_app(&ada, Grounds::First).await.unwrap();
        let started = world.mfa.start_totp(&ada, None, NOW).await.unwrap();
        let code = Secret::new("123456");
        for (who, method, at) in [
            (&bob, started.method, NOW),
            (&ada, started.method, later(15 * 60)),
            (&ada, app.method, NOW),
            (&ada, MethodId::new(NOW), NOW),
        ] {
            let result = world.mfa.confirm_totp(who, method, &code, Grounds::Proved, IP, at).await;
            assert!(matches!(result, Err(MfaError::Over)), "{result:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn factors_of_others_are_out_of_reach() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, app) = world.person_with_app("ada@example.com").await;
        let (bob, _) = world.person_with_app("bob@example.com").await;
        let renamed = world.mfa.rename(bob.user.id, app.method, "mine").await;
        assert!(matches!(renamed, Err(MfaError::Unknown("factor"))), "{renamed:?}");
        let removed = world.mfa.remove(bob.user.id, app.method, NOW).await;
        assert!(matches!(removed, Err(MfaError::Unknown("factor"))), "{removed:?}");
        world.mfa.rename(ada.user.id, app.method, " Phone ").await.unwrap();
        let status = world.mfa.status(ada.user.id, NOW).await.unwrap();
        assert_eq!(status.methods[0].label, "Phone");
        let preferred = world.mfa.prefer(ada.user.id, Some(Kind::WebAuthn)).await;
        assert!(matches!(preferred, Err(MfaError::NotEnrolled)), "{preferred:?}");
    })
    .await;
}

#[tokio::test]
async fn a_credential_belongs_to_one_person_only() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (_, key) = world.person_with_key("ada@example.com").await;
        let bob = world.person("bob@example.com").await;
        let result = world.enrol(&bob, &key, Grounds::First).await;
        assert!(matches!(result, Err(MfaError::Taken)), "{result:?}");
        assert_eq!(db.user_by_email("bob@example.com").await.unwrap().mfa_enrolled_at, None);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_takes_all_factors_away() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        world.enrol_key(&who, Grounds::Proved).await.unwrap();
        assert_eq!(db.reset_mfa(who.user.id, NOW).await.unwrap(), 2);
        let status = world.mfa.status(who.user.id, NOW).await.unwrap();
        assert!(!status.enrolled && status.methods.is_empty() && status.backup_codes.total == 0);
        let result = world.try_code(&who, app.code(NOW).expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "{result:?}");
    })
    .await;
}

#[tokio::test]
async fn who_is_not_let_in_any_more_adds_no_factor() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let session = who.session().unwrap().id;
        world.enrol_key(&who, Grounds::First).await.unwrap();
        db.reset_mfa(who.user.id, NOW).await.unwrap();
        let added = world.enrol_key(&who, Grounds::Proved).await;
        assert!(matches!(added, Err(MfaError::Over)), "what was proved is gone");
        db.set_user_lock("ada@example.com", Some((NOW, "left"))).await.unwrap();
        assert!(matches!(world.enrol_key(&who, Grounds::First).await, Err(MfaError::Over)));
        db.set_user_lock("ada@example.com", None).await.unwrap();
        db.revoke_session(who.user.id, session, "ended", NOW).await.unwrap();
        assert!(matches!(world.enrol_key(&who, Grounds::First).await, Err(MfaError::Over)));
        assert!(db.methods_of(who.user.id).await.unwrap().is_empty());
    })
    .await;
}
