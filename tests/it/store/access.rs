//! Users, roles, tokens, grants, and the epoch that grows with them.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{
        Timestamp,
        id::{GrantId, TokenId},
    },
    store::{Db, GrantRow, NewToken, RoleRow, StoreError, StoreResult, Subject, TokenRow, UserRow},
};

fn new_token(user: &UserRow, name: &str, hash: u8, expires_at: Option<Timestamp>) -> NewToken {
    let token = TokenRow { expires_at, ..TokenRow::new(user.id, name, vec![hash; 32], NOW) };
    let grants = vec![
        GrantRow::new(Subject::Token(token.id), "cicd", "staging/*", None, NOW),
        GrantRow::new(Subject::Token(token.id), "viewer", "*", Some(later(60)), later(1)),
    ];
    NewToken { token, grants }
}

fn role(name: &str) -> RoleRow {
    RoleRow {
        name: name.to_owned(),
        description: "works at night".to_owned(),
        permissions: "convox:app:*\nconvox:log:read".to_owned(),
        created_at: NOW,
    }
}

#[track_caller]
fn is_exists<T: std::fmt::Debug>(result: StoreResult<T>, what: &str) {
    assert!(matches!(&result, Err(StoreError::Exists(named)) if named == what), "{result:?}");
}

#[track_caller]
fn is_not_found<T: std::fmt::Debug>(result: StoreResult<T>, what: &str) {
    assert!(matches!(&result, Err(StoreError::NotFound(named)) if named == what), "{result:?}");
}

#[tokio::test]
async fn users_are_kept_as_given() {
    each(async |db: TestDb| {
        let bob = db.add_user("bob@example.com", "Bob", later(1)).await.unwrap();
        let ada = db.add_user("ada@example.com", "", NOW).await.unwrap();
        assert_eq!(db.users().await.unwrap(), [ada.clone(), bob.clone()], "in the order of their addresses");
        assert_eq!(db.user_by_email("bob@example.com").await.unwrap(), bob);
        assert_eq!((bob.created_at, bob.locked_at, bob.locked_reason), (later(1), None, None));

        is_exists(db.add_user("ada@example.com", "Other", NOW).await, "the user ada@example.com");
        is_not_found(db.user_by_email("eve@example.com").await, "the user eve@example.com");
        is_not_found(db.user_by_email("ADA@example.com").await, "the user ADA@example.com");
        assert_eq!(db.users().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn locks_come_and_go() {
    each(async |db: TestDb| {
        db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        db.set_user_lock("ada@example.com", Some((later(5), "left us"))).await.unwrap();
        let locked = db.user_by_email("ada@example.com").await.unwrap();
        assert_eq!((locked.locked_at, locked.locked_reason.as_deref()), (Some(later(5)), Some("left us")));
        db.set_user_lock("ada@example.com", None).await.unwrap();
        let unlocked = db.user_by_email("ada@example.com").await.unwrap();
        assert_eq!((unlocked.locked_at, unlocked.locked_reason), (None, None));
        is_not_found(db.set_user_lock("eve@example.com", None).await, "the user eve@example.com");
    })
    .await;
}

#[tokio::test]
async fn roles_are_kept_as_given() {
    each(async |db: TestDb| {
        db.add_role(&role("night-shift")).await.unwrap();
        db.add_role(&role("early-shift")).await.unwrap();
        assert_eq!(db.custom_roles().await.unwrap(), [role("early-shift"), role("night-shift")]);
        is_exists(db.add_role(&role("night-shift")).await, "the role night-shift");
        db.remove_role("night-shift").await.unwrap();
        is_not_found(db.remove_role("night-shift").await, "the custom role night-shift");
        assert_eq!(db.custom_roles().await.unwrap(), [role("early-shift")]);
    })
    .await;
}

#[tokio::test]
async fn grants_are_kept_as_given() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let second = GrantRow::new(Subject::User(ada.id), "ops", "staging", Some(later(60)), later(2));
        let first = GrantRow::new(Subject::User(ada.id), "viewer", "*", None, later(1));
        db.add_grant(&second).await.unwrap();
        db.add_grant(&first).await.unwrap();
        assert_eq!(db.grants().await.unwrap(), [first.clone(), second.clone()], "oldest first");
        db.remove_grant(first.id).await.unwrap();
        is_not_found(db.remove_grant(first.id).await, &format!("the grant {}", first.id));
        assert_eq!(db.grants().await.unwrap(), [second]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_has_exactly_one_holder_who_exists() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let new = new_token(&ada, "laptop", 1, None);
        db.add_token(&new).await.unwrap();
        let epoch = db.access_epoch().await.unwrap();

        let held_by = |user_id, token_id| {
            let grant = GrantRow::new(Subject::User(ada.id), "ops", "*", None, NOW);
            GrantRow { id: GrantId::new(NOW), user_id, token_id, ..grant }
        };
        let nobody = rack_gateway::core::id::UserId::new(NOW);
        for grant in [
            held_by(None, None),
            held_by(Some(ada.id), Some(new.token.id)),
            held_by(Some(nobody), None),
            held_by(None, Some(TokenId::new(NOW))),
        ] {
            let refused = db.add_grant(&grant).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{grant:?}: {refused:?}");
        }
        assert_eq!(db.grants().await.unwrap().len(), 2);
        assert_eq!(db.access_epoch().await.unwrap(), epoch, "what is rolled back leaves no trace");
    })
    .await;
}

#[tokio::test]
async fn tokens_are_kept_with_their_grants() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let new = new_token(&ada, "laptop", 1, Some(later(90)));
        db.add_token(&new).await.unwrap();
        assert_eq!(db.tokens().await.unwrap(), std::slice::from_ref(&new.token));
        assert_eq!(db.grants().await.unwrap(), new.grants);

        is_exists(db.add_token(&new_token(&ada, "laptop", 2, None)).await, "the token laptop");
        is_exists(db.add_token(&new_token(&ada, "desktop", 1, None)).await, "the token desktop");
        assert_eq!(db.grants().await.unwrap(), new.grants, "a token that is refused leaves no grants");
    })
    .await;
}

#[tokio::test]
async fn a_token_with_a_grant_that_is_refused_is_refused_as_a_whole() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let mut new = new_token(&ada, "laptop", 1, None);
        new.grants[1].token_id = None;
        db.add_token(&new).await.unwrap_err();
        assert_eq!(db.tokens().await.unwrap(), []);
        assert_eq!(db.grants().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_revoked_once() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let new = new_token(&ada, "laptop", 1, None);
        let id = new.token.id;
        db.add_token(&new).await.unwrap();
        db.revoke_token(id, later(7)).await.unwrap();
        is_not_found(db.revoke_token(id, later(8)).await, &format!("an unrevoked token {id}"));
        assert_eq!(db.tokens().await.unwrap()[0].revoked_at, Some(later(7)));
        let other = TokenId::new(later(1));
        is_not_found(db.revoke_token(other, NOW).await, &format!("an unrevoked token {other}"));
    })
    .await;
}

#[tokio::test]
async fn uses_only_move_forward() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let (one, two) = (new_token(&ada, "one", 1, None), new_token(&ada, "two", 2, None));
        db.add_token(&one).await.unwrap();
        db.add_token(&two).await.unwrap();
        let gone = TokenId::new(NOW);
        db.note_token_uses(&[(one.token.id, later(9)), (gone, later(9))]).await.unwrap();
        db.note_token_uses(&[(one.token.id, later(3))]).await.unwrap();
        db.note_token_uses(&[]).await.unwrap();
        let used: Vec<_> = db.tokens().await.unwrap().into_iter().map(|token| token.last_used_at).collect();
        assert!(used.contains(&Some(later(9))) && used.contains(&None), "{used:?}");
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_a_user_goes_with_them() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let bob = db.add_user("bob@example.com", "Bob", NOW).await.unwrap();
        db.add_token(&new_token(&ada, "laptop", 1, None)).await.unwrap();
        db.add_grant(&GrantRow::new(Subject::User(ada.id), "ops", "*", None, NOW)).await.unwrap();
        let bobs = GrantRow::new(Subject::User(bob.id), "viewer", "*", None, NOW);
        db.add_grant(&bobs).await.unwrap();

        const DELETE: &str = "DELETE FROM users WHERE id = $1";
        match &db.db {
            Db::Sqlite { write, .. } => {
                sqlx::query(DELETE).bind(ada.id).execute(write).await.map(drop).unwrap();
            }
            Db::Postgres(pool) => {
                sqlx::query(DELETE).bind(ada.id).execute(pool).await.map(drop).unwrap();
            }
        }
        assert_eq!(db.tokens().await.unwrap(), []);
        assert_eq!(db.grants().await.unwrap(), [bobs]);
    })
    .await;
}

#[tokio::test]
async fn the_epoch_grows_with_every_change_of_rights_and_with_nothing_else() {
    each(async |db: TestDb| {
        let other = db.again().await;
        let mut last = other.access_epoch().await.unwrap();
        let mut grown = async |change: &str| {
            let now = other.access_epoch().await.unwrap();
            let grown = now > last;
            eprintln!("{change}: {last} -> {now}");
            last = now;
            grown
        };
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        assert!(grown("add_user").await);
        db.set_user_lock("ada@example.com", Some((NOW, ""))).await.unwrap();
        assert!(grown("lock").await);
        db.set_user_lock("ada@example.com", None).await.unwrap();
        assert!(grown("unlock").await);
        db.add_role(&role("night-shift")).await.unwrap();
        assert!(grown("add_role").await);
        let grant = GrantRow::new(Subject::User(ada.id), "night-shift", "*", None, NOW);
        db.add_grant(&grant).await.unwrap();
        assert!(grown("add_grant").await);
        let new = new_token(&ada, "laptop", 1, None);
        db.add_token(&new).await.unwrap();
        assert!(grown("add_token").await);
        db.revoke_token(new.token.id, NOW).await.unwrap();
        assert!(grown("revoke_token").await);
        db.remove_grant(grant.id).await.unwrap();
        assert!(grown("remove_grant").await);
        db.remove_role("night-shift").await.unwrap();
        assert!(grown("remove_role").await);

        db.note_token_uses(&[(new.token.id, NOW)]).await.unwrap();
        assert!(!grown("note_token_uses").await);
        db.append_audit(&[]).await.unwrap();
        assert!(!grown("append_audit").await);
        db.add_user("ada@example.com", "", NOW).await.unwrap_err();
        db.remove_role("night-shift").await.unwrap_err();
        db.set_user_lock("eve@example.com", None).await.unwrap_err();
        assert!(!grown("what failed").await);
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn all_rights_are_read_at_once() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        db.add_role(&role("night-shift")).await.unwrap();
        let new = new_token(&ada, "laptop", 1, None);
        db.add_token(&new).await.unwrap();
        let rows = db.access_rows(NOW).await.unwrap();
        assert_eq!(rows.epoch, db.access_epoch().await.unwrap());
        assert_eq!((rows.users, rows.roles), (vec![ada], vec![role("night-shift")]));
        assert_eq!((rows.tokens, rows.grants), (vec![new.token], new.grants));
    })
    .await;
}
