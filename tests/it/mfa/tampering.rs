//! Answers of security keys in which one thing is not as it should be: webauthn-rs issue 281, Zitadel
//! CVE-2025-64103, Kratos CVE-2024-45042 and their like.

use super::{
    IP, NOW, World, later,
    world::{assertion, lying},
};
use crate::support::{
    database::{TestDb, each},
    security_key::{Claims, PRESENT, SecurityKey, VERIFIED},
};
use rack_gateway::{identity::mfa::MfaError, store::Grounds};

type Lie = fn(&mut Claims);

const LIES: [(&str, Lie); 11] = [
    ("the user was not verified", |claims| claims.flags = PRESENT),
    ("the user was not present", |claims| claims.flags = VERIFIED),
    ("neither", |claims| claims.flags = 0),
    ("a sub-domain", |claims| claims.origin = "https://evil.gateway.example.com".into()),
    ("the domain above", |claims| claims.origin = "https://example.com".into()),
    ("plain http", |claims| claims.origin = "http://gateway.example.com".into()),
    ("another port", |claims| claims.origin = "https://gateway.example.com:8443".into()),
    ("a name that begins alike", |claims| claims.origin = "https://gateway.example.com.evil.org".into()),
    ("another relying party", |claims| claims.rp_id = "example.com".into()),
    ("a registration's answer", |claims| claims.kind = "webauthn.create"),
    ("no type at all", |claims| claims.kind = ""),
];

#[tokio::test]
async fn cve_2025_64103_every_lie_is_noticed() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, mut key) = world.person_with_key("ada@example.com").await;
        for (what, lie) in LIES {
            let honest = key.claims.clone();
            key.claims = lying(&key, lie);
            let result = world.try_key(&who, &key, NOW).await;
            assert!(matches!(result, Err(MfaError::Wrong | MfaError::Locked)), "{what}: {result:?}");
            key.claims = honest;
            db.set_user_lock("ada@example.com", None).await.unwrap();
            world.try_key(&who, &key, NOW).await.unwrap();
            key.claims.counter += 1;
        }
    })
    .await;
}

#[tokio::test]
async fn cve_registrations_are_checked_alike() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        for (what, lie) in
            LIES.iter().filter(|(what, _)| !what.contains("type") && !what.contains("registration"))
        {
            let mut key = SecurityKey::new(super::ORIGIN, "gateway.example.com");
            lie(&mut key.claims);
            let result = world.enrol(&who, &key, Grounds::First).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{what}: {result:?}");
        }
        assert!(!world.mfa.status(who.user.id, NOW).await.unwrap().enrolled);
    })
    .await;
}

#[tokio::test]
async fn cve_a_counter_that_does_not_grow_is_a_copy() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, mut key) = world.person_with_key("ada@example.com").await;
        key.claims.counter = 10;
        world.try_key(&who, &key, NOW).await.unwrap();
        for counter in [10, 9, 0] {
            key.claims.counter = counter;
            let result = world.try_key(&who, &key, NOW).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{counter}: {result:?}");
        }
        key.claims.counter = 11;
        world.try_key(&who, &key, NOW).await.unwrap();
    })
    .await;
}

/// The counter is compared with what is stored at the end of the ceremony, not at its beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_a_copy_that_answers_at_the_same_time_is_noticed() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, key) = world.person_with_key("ada@example.com").await;
        let replica = World::replica(&db).await;
        let one = world.mfa.start_assertion(&who, NOW).await.unwrap();
        let two = replica.mfa.start_assertion(&who, NOW).await.unwrap();
        let first = assertion(&one.handle, &key.answer(&one.options));
        let second = assertion(&two.handle, &key.answer(&two.options));
        let (first, second) = tokio::join!(
            world.mfa.verify_assertion(&who, &first, IP, NOW),
            replica.mfa.verify_assertion(&who, &second, IP, NOW),
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_without_a_counter_may_be_used_again() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let mut key = SecurityKey::new(super::ORIGIN, "gateway.example.com");
        key.claims.counter = 0;
        world.enrol(&who, &key, Grounds::First).await.unwrap();
        for _ in 0..3 {
            world.try_key(&who, &key, NOW).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn cve_a_challenge_is_good_once_for_five_minutes_and_for_its_session() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, mut key) = world.person_with_key("ada@example.com").await;
        let (bob, _) = world.person_with_key("bob@example.com").await;
        let elsewhere = world.login("ada@example.com").await;

        let started = world.mfa.start_assertion(&ada, NOW).await.unwrap();
        let answer = assertion(&started.handle, &key.answer(&started.options));
        world.mfa.verify_assertion(&ada, &answer, IP, NOW).await.unwrap();
        key.claims.counter += 1;
        let newer = assertion(&started.handle, &key.answer(&started.options));
        for replayed in [&answer, &newer] {
            let result = world.mfa.verify_assertion(&ada, replayed, IP, NOW).await;
            assert!(matches!(result, Err(MfaError::Over)), "replayed: {result:?}");
        }

        for (what, who, at) in
            [("another session", &elsewhere, NOW), ("another person", &bob, NOW), ("late", &ada, later(300))]
        {
            let started = world.mfa.start_assertion(&ada, NOW).await.unwrap();
            let answer = assertion(&started.handle, &key.answer(&started.options));
            let result = world.mfa.verify_assertion(who, &answer, IP, at).await;
            assert!(matches!(result, Err(MfaError::Over)), "{what}: {result:?}");
            let after = world.mfa.verify_assertion(&ada, &answer, IP, NOW).await;
            assert!(matches!(after, Err(MfaError::Over)), "taken is taken: {after:?}");
        }

        let (one, two) = (
            world.mfa.start_assertion(&ada, NOW).await.unwrap(),
            world.mfa.start_assertion(&ada, NOW).await.unwrap(),
        );
        let crossed = assertion(&one.handle, &key.answer(&two.options));
        let result = world.mfa.verify_assertion(&ada, &crossed, IP, NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "the other challenge: {result:?}");
    })
    .await;
}

#[tokio::test]
async fn cve_2024_45042_only_the_callers_own_enrolled_keys_count() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, mut key) = world.person_with_key("ada@example.com").await;
        let (_, his) = world.person_with_key("bob@example.com").await;
        let unknown = SecurityKey::new(super::ORIGIN, "gateway.example.com");
        for (what, other) in [("another person's", &his), ("an unknown", &unknown)] {
            let result = world.try_key(&ada, other, NOW).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{what} key: {result:?}");
        }

        let (carol, _) = world.person_with_app("carol@example.com").await;
        let result = world.try_key(&carol, &his, NOW).await;
        assert!(matches!(result, Err(MfaError::NotEnrolled)), "{result:?}");

        let started = world.mfa.start_assertion(&ada, NOW).await.unwrap();
        let method = world.mfa.status(ada.user.id, NOW).await.unwrap().methods[0].id;
        world.mfa.remove(ada.user.id, method, NOW).await.unwrap();
        key.claims.counter += 1;
        let answer = assertion(&started.handle, &key.answer(&started.options));
        let result = world.mfa.verify_assertion(&ada, &answer, IP, NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "a removed key: {result:?}");
    })
    .await;
}
