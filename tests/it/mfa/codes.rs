//! Backup codes.

use super::{NOW, World, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{identity::mfa::MfaError, store::Grounds};

#[tokio::test]
async fn ten_come_with_the_first_factor_and_each_is_good_once() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let (_, enrolled) = world.enrol_app(&who, Grounds::First).await.unwrap();
        let codes = enrolled.backup_codes.unwrap();
        assert_eq!(codes.len(), 10);
        let proven = world.try_code(&who, codes[3].expose(), NOW).await.unwrap();
        assert_eq!(proven.by, "backup_code");
        let typed = codes[3].expose().to_lowercase().replace('-', " ");
        let again = world.try_code(&who, &typed, NOW).await;
        assert!(matches!(again, Err(MfaError::Used)), "{again:?}");
        world.try_code(&who, &codes[4].expose().to_lowercase(), NOW).await.unwrap();

        let status = world.mfa.status(who.user.id, NOW).await.unwrap().backup_codes;
        assert_eq!((status.total, status.unused, status.last_used_at), (10, 8, Some(NOW)));

        let (_, second) = world.enrol_app(&who, Grounds::Proved).await.unwrap();
        assert!(second.backup_codes.is_none(), "only the first factor issues codes");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_of_those_who_type_the_same_code_at_once_one_gets_in() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let (_, enrolled) = world.enrol_app(&who, Grounds::First).await.unwrap();
        let code = enrolled.backup_codes.unwrap().remove(0);
        let replica = World::replica(&db).await;
        let tries: Vec<_> = (0..10)
            .map(|index| {
                let world = if index % 2 == 0 { world.clone() } else { replica.clone() };
                let (who, code) = (who.clone(), code.clone());
                tokio::spawn(async move { world.try_code(&who, code.expose(), NOW).await })
            })
            .collect();
        let mut good = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(_) => good += 1,
                Err(MfaError::Used | MfaError::Busy) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(good, 1);
    })
    .await;
}

#[tokio::test]
async fn new_codes_end_the_old_and_belong_to_one_person() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        assert!(matches!(world.mfa.regenerate_codes(who.user.id, NOW).await, Err(MfaError::NotEnrolled)));
        let (_, enrolled) = world.enrol_app(&who, Grounds::First).await.unwrap();
        let old = enrolled.backup_codes.unwrap();
        let new = world.mfa.regenerate_codes(who.user.id, later(1)).await.unwrap();
        let result = world.try_code(&who, old[0].expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "{result:?}");

        let (bob, _) = world.person_with_app("bob@example.com").await;
        let result = world.try_code(&bob, new[0].expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "{result:?}");
        world.try_code(&who, new[0].expose(), NOW).await.unwrap();
    })
    .await;
}
