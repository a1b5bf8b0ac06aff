//! Codes of authenticator apps: each is good once, wherever and however it is typed.

use super::{NOW, World, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{identity::mfa::MfaError, store::Grounds};

#[tokio::test]
async fn a_code_is_good_once() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let code = app.code(NOW);
        let proven = world.try_code(&who, code.expose(), NOW).await.unwrap();
        assert_eq!((proven.at, proven.by), (NOW, "totp"));
        assert!(matches!(world.try_code(&who, code.expose(), NOW).await, Err(MfaError::Used)));
        let next = app.code(later(30));
        world.try_code(&who, next.expose(), later(30)).await.unwrap();
    })
    .await;
}

/// Vault CVE-2025-6014, OpenBao CVE-2025-55003: blanks made a used code new.
#[tokio::test]
async fn cve_2025_6014_spaces_do_not_make_a_code_new() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let code = app.code(NOW);
        let text = code.expose();
        let (front, back) = text.split_at(3);
        world.try_code(&who, &format!("{front} {back}"), NOW).await.unwrap();
        for typed in [
            text.to_owned(),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{front}-{back}"),
            format!("{front}\u{a0}{back}"),
        ] {
            assert!(
                matches!(world.try_code(&who, &typed, NOW).await, Err(MfaError::Used)),
                "{typed:?} was taken"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn cve_the_code_that_confirmed_the_app_is_used_up() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let code = app.code(later(-60));
        let again = world.try_code(&who, code.expose(), later(-60)).await;
        assert!(matches!(again, Err(MfaError::Used)), "{again:?}");
    })
    .await;
}

/// Vault CVE-2025-6015, OpenBao CVE-2025-55000; here from two replicas at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2025_6015_of_fifty_at_once_one_gets_in() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        let replica = World::replica(&db).await;
        let code = app.code(NOW);
        let tries = (0..50).map(|index| {
            let world = if index % 2 == 0 { world.clone() } else { replica.clone() };
            let (who, code) = (who.clone(), code.clone());
            tokio::spawn(async move { world.try_code(&who, code.expose(), NOW).await })
        });
        let tries: Vec<_> = tries.collect();
        let mut good = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(_) => good += 1,
                Err(MfaError::Used | MfaError::Busy) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(good, 1);
        assert!(!world.is_locked(&who).await, "a code that was right once is no guess");
    })
    .await;
}

#[tokio::test]
async fn codes_of_the_past_and_the_future_are_wrong() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, app) = world.person_with_app("ada@example.com").await;
        for seconds in [-3_600, -90, 90] {
            let result = world.try_code(&who, app.code(later(seconds)).expose(), NOW).await;
            assert!(matches!(result, Err(MfaError::Wrong)), "{seconds}: {result:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn cve_nobody_proves_with_an_app_that_is_not_theirs_or_not_confirmed() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, app) = world.person_with_app("ada@example.com").await;
        let (bob, _) = world.person_with_app("bob@example.com").await;
        let result = world.try_code(&bob, app.code(NOW).expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "{result:?}");

        let started = world.mfa.start_totp(&ada, None, NOW).await.unwrap();
        let secret = totp_rs::Secret::try_from_base32(started.secret.expose()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        let code = totp.generate(u64::try_from(NOW.as_micros() / 1_000_000).unwrap()).to_string();
        assert!(matches!(world.try_code(&ada, &code, NOW).await, Err(MfaError::Wrong)));

        let removed = world.mfa.remove(ada.user.id, app.method, NOW).await.unwrap();
        assert!(removed.last);
        let result = world.try_code(&ada, app.code(NOW).expose(), NOW).await;
        assert!(matches!(result, Err(MfaError::Wrong)), "a removed app: {result:?}");
    })
    .await;
}

#[tokio::test]
async fn each_of_two_apps_has_its_own_steps() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, one) = world.person_with_app("ada@example.com").await;
        let (two, _) = world.enrol_app(&who, Grounds::Proved).await.unwrap();
        world.try_code(&who, one.code(NOW).expose(), NOW).await.unwrap();
        world.try_code(&who, two.code(NOW).expose(), NOW).await.unwrap();
    })
    .await;
}
