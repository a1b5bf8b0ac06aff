//! Somebody is always left who may administer everything, however many try at once to be the last.

use super::{NOW, add, by, email, person};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    identity::change::{
        Actor, Refused, administrators, grants,
        groups::GroupGrants,
        roles,
        users::{self, ShutOut},
    },
    policy::Permission,
    store::Db,
};

async fn grant_of(db: &Db, name: &str) -> rack_gateway::core::id::GrantId {
    let user = db.user_by_email(&email(name)).await.unwrap();
    db.grants().await.unwrap().into_iter().find(|grant| grant.user_id == Some(user.id)).unwrap().id
}

#[tokio::test]
async fn two_who_remove_each_other_at_once_leave_one() {
    each(async |db: TestDb| {
        for round in 0..10 {
            let (one, two) = (format!("one{round}"), format!("two{round}"));
            add(&db, &one, "admin", "*").await;
            add(&db, &two, "admin", "*").await;
            // Whoever won the round before is put aside.
            let rest: Vec<_> = db.users().await.unwrap();
            for user in rest.iter().filter(|user| ![email(&one), email(&two)].contains(&user.email)) {
                users::delete(&db, &Actor::Operator, NOW, &user.email).await.unwrap();
            }
            let other = db.again().await;
            let (first, second) = (person(&db, &one).await, person(&db, &two).await);
            let (first, second) = (by(&first, Permission::UserDelete), by(&second, Permission::UserDelete));
            let (email_one, email_two) = (email(&one), email(&two));
            let outcome = tokio::join!(
                users::delete(&db, &first, NOW, &email_two),
                users::delete(&other, &second, NOW, &email_one),
            );
            let done = usize::from(outcome.0.is_ok()) + usize::from(outcome.1.is_ok());
            assert_eq!(done, 1, "{outcome:?}");
            assert_eq!(administrators(&db.standing_rows().await.unwrap()).len(), 1);
            other.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_way_to_lose_the_last_one_is_refused_to_the_operator_too() {
    each(async |db: TestDb| {
        add(&db, "ada", "admin", "*").await;
        add(&db, "bob", "deployer", "*").await;
        let (grant, ada) = (grant_of(&db, "ada").await, email("ada"));
        let operator = Actor::Operator;
        let refused = [
            users::delete(&db, &operator, NOW, &ada).await.err(),
            users::lock(&db, &operator, NOW, &ada, "").await.err(),
            grants::remove(&db, &operator, NOW, grant).await.err(),
        ];
        for refusal in refused {
            assert!(matches!(refusal, Some(Refused::LastAdmin)), "{refusal:?}");
        }
        // With a second one there, all of it is possible.
        add(&db, "eve", "admin", "*").await;
        users::lock(&db, &operator, NOW, &ada, "").await.unwrap();
        assert!(matches!(users::delete(&db, &operator, NOW, &email("eve")).await, Err(Refused::LastAdmin)));
        users::unlock(&db, &operator, NOW, &ada).await.unwrap();
        users::delete(&db, &operator, NOW, &email("eve")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_role_that_makes_the_last_one_stays_as_it_is() {
    each(async |db: TestDb| {
        let root = roles::NewRole {
            name: "root".into(),
            description: String::new(),
            permissions: vec!["*:*:*".into()],
        };
        roles::create(&db, &Actor::Operator, NOW, &root).await.unwrap();
        add(&db, "ada", "root", "*").await;
        let less = roles::RoleEdit { permissions: Some(vec!["convox:*:*".into()]), ..Default::default() };
        let edited = roles::update(&db, &Actor::Operator, NOW, "root", &less).await;
        assert!(matches!(edited, Err(Refused::LastAdmin)));
        let removed = roles::remove(&db, &Actor::Operator, NOW, "root").await;
        assert!(matches!(removed, Err(Refused::LastAdmin)));
    })
    .await;
}

#[tokio::test]
async fn failures_lock_everybody_but_the_last_one() {
    each(async |db: TestDb| {
        let ada = add(&db, "ada", "admin", "*").await;
        let bob = add(&db, "bob", "deployer", "*").await;
        let lock = async |id| users::lock_for_failures(&db, NOW, id, "too often").await.unwrap();
        person(&db, "bob").await;
        assert_eq!(lock(bob).await, ShutOut::Locked);
        let session = db.sessions_of(bob).await.unwrap().remove(0);
        let ended = (session.revoked_at, session.revoked_why.as_deref());
        assert_eq!(ended, (Some(NOW), Some("too many failed proofs")), "it may be the guesser's");
        assert_eq!(lock(bob).await, ShutOut::Already);
        assert_eq!(lock(ada).await, ShutOut::Spared);
        assert_eq!(db.user_by_email(&email("ada")).await.unwrap().locked_at, None);
        let eve = add(&db, "eve", "admin", "*").await;
        let other = db.again().await;
        let both = tokio::join!(
            users::lock_for_failures(&db, NOW, ada, "too often"),
            users::lock_for_failures(&other, NOW, eve, "too often"),
        );
        let mut both = [both.0.unwrap(), both.1.unwrap()];
        both.sort_by_key(|how| *how as u8);
        assert_eq!(both, [ShutOut::Locked, ShutOut::Spared], "two at once leave one");
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn groups_leave_the_last_one_what_they_need() {
    each(async |db: TestDb| {
        let ada = db.add_user(&email("ada"), "ada", NOW).await.unwrap().id;
        let settle = async |wanted: Vec<(&'static str, &'static str)>| {
            let grants = GroupGrants { provider: "one", user: ada, wanted };
            let settled = grants.settle(&db, NOW).await.unwrap();
            (settled.given.len(), settled.taken.len(), settled.kept.len())
        };
        let first = settle(vec![("admin", "*"), ("ops", "staging")]).await;
        assert_eq!(first, (2, 0, 0));
        assert_eq!(settle(vec![("viewer", "*")]).await, (1, 1, 1));
        assert_eq!(settle(vec![("viewer", "*")]).await, (0, 0, 1), "as often as they come");
        assert_eq!(administrators(&db.standing_rows().await.unwrap()), [ada]);
        add(&db, "eve", "admin", "*").await;
        assert_eq!(settle(vec![("viewer", "*")]).await, (0, 1, 0));
        assert_eq!(settle(vec![("viewer", "*")]).await, (0, 0, 0));
    })
    .await;
}
