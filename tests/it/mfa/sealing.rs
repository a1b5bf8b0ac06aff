//! Secrets at rest: nothing in the clear, nothing that can be moved, and new keys in the place of old ones.

use super::{NOW, World};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{Secret, seal::Keys},
    identity::mfa::{MfaError, rotate},
    store::{Db, Grounds, MethodRow},
};

async fn only_method(db: &Db, world_user: rack_gateway::core::id::UserId) -> MethodRow {
    db.methods_of(world_user).await.unwrap().remove(0)
}

fn keys(current: &str, previous: &[&str]) -> Keys {
    let previous: Vec<_> = previous.iter().map(|text| Secret::new(*text)).collect();
    Keys::new(&Secret::new(current), &previous)
}

#[tokio::test]
async fn a_secret_moved_to_another_row_does_not_open() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, app) = world.person_with_app("ada@example.com").await;
        let (bob, _) = world.person_with_app("bob@example.com").await;
        let (hers, his) = (only_method(&db, ada.user.id).await, only_method(&db, bob.user.id).await);
        assert!(db.replace_method_secret(his.id, &his.secret, &hers.secret, None).await.unwrap());
        let result = world.try_code(&bob, app.code(NOW).expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Unreadable)), "{result:?}");
        world.try_code(&ada, app.code(NOW).expose(), NOW).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn without_the_right_key_nothing_opens() {
    each(async |db: TestDb| {
        let (who, app) = World::new(&db).person_with_app("ada@example.com").await;
        let other = World::with_key(&db, "another key");
        let result = other.try_code(&who, app.code(NOW).expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Unreadable)), "{result:?}");
        assert!(!other.is_locked(&who).await, "it is not the person's mistake");
    })
    .await;
}

#[tokio::test]
async fn rotation_seals_anew_and_old_keys_can_go() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let mut key = world.enrol_key(&who, Grounds::Proved).await.unwrap();

        let rotated = rotate(&db, &keys("a new key", &[])).await.unwrap();
        assert_eq!((rotated.resealed, rotated.unreadable.len()), (0, 2), "the old key is needed for it");
        let both = keys("a new key", &["the key of the tests"]);
        let rotated = rotate(&db, &both).await.unwrap();
        assert_eq!((rotated.resealed, rotated.current, rotated.unreadable.len()), (2, 0, 0));
        let again = rotate(&db, &keys("a new key", &[])).await.unwrap();
        assert_eq!((again.resealed, again.current), (0, 2));

        let after = World::with_key(&db, "a new key");
        after.try_code(&who, app.code(NOW).expose(), NOW).await.unwrap();
        after.try_key(&who, &key, NOW).await.unwrap();
        key.claims.counter += 1;
        let before = world.try_key(&who, &key, NOW).await;
        assert!(matches!(before, Err(MfaError::Unreadable)), "{before:?}");
    })
    .await;
}
