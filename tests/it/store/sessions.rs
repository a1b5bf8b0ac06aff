//! Sessions and ceremonies.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::id::{SessionId, UserId},
    store::{CeremonyRow, SessionRow, StoreError},
};

fn session(user: UserId, hash: u8) -> SessionRow {
    SessionRow {
        method: "oidc:google".to_owned(),
        ip: "2001:db8::1".to_owned(),
        user_agent: "Mozilla/5.0 (X; 日本)".to_owned(),
        device_id: "d".to_owned(),
        device_name: "laptop".to_owned(),
        ..SessionRow::new(user, &[hash; 32], NOW, later(3_600))
    }
}

#[tokio::test]
async fn sessions_are_kept_as_given_and_end_once() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "", NOW).await.unwrap().id;
        let eve = db.add_user("eve@example.com", "", NOW).await.unwrap().id;
        let rows = [session(ada, 1), session(ada, 2), session(eve, 3)];
        for row in &rows {
            db.add_session(row).await.unwrap();
        }
        assert!(db.add_session(&session(eve, 1)).await.is_err(), "a hash is unique");
        let mut of_ada = db.sessions_of(ada).await.unwrap();
        of_ada.sort_by(|a, b| a.hash.cmp(&b.hash));
        assert_eq!(of_ada, rows[..2]);
        assert_eq!(db.live_sessions(later(3_599)).await.unwrap().len(), 3);
        assert_eq!(db.live_sessions(later(3_600)).await.unwrap().len(), 0, "at the end it has ended");

        let stolen = db.revoke_session(eve, rows[0].id, "not hers", later(1)).await;
        assert!(matches!(stolen, Err(StoreError::NotFound(_))), "{stolen:?}");
        let epoch = db.access_epoch().await.unwrap();
        db.revoke_session(ada, rows[0].id, "logged out", later(1)).await.unwrap();
        assert!(db.access_epoch().await.unwrap() > epoch);
        let again = db.revoke_session(ada, rows[0].id, "again", later(2)).await;
        assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
        let ended = db.sessions_of(ada).await.unwrap().into_iter().find(|row| row.id == rows[0].id).unwrap();
        assert_eq!((ended.revoked_at, ended.revoked_why.as_deref()), (Some(later(1)), Some("logged out")));
        assert_eq!(db.revoke_other_sessions(ada, rows[1].id, "x", later(2)).await.unwrap(), 0);
        assert_eq!(db.revoke_sessions(ada, "locked", later(2)).await.unwrap(), 1);
        assert_eq!(db.live_sessions(later(2)).await.unwrap(), [rows[2].clone()], "others' go on");
    })
    .await;
}

#[tokio::test]
async fn a_secret_changes_once_for_each_that_knew_the_old_one() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "", NOW).await.unwrap().id;
        let row = session(ada, 1);
        db.add_session(&row).await.unwrap();
        let (one, two) = tokio::join!(
            db.step_up_session(row.id, &[1; 32], &[2; 32], later(5)),
            db.step_up_session(row.id, &[1; 32], &[3; 32], later(5)),
        );
        assert_eq!([&one, &two].iter().filter(|result| result.is_ok()).count(), 1, "{one:?} {two:?}");
        let now = db.sessions_of(ada).await.unwrap().remove(0);
        assert_eq!((now.step_up_at, now.rotated_at), (Some(later(5)), later(5)));
        assert_eq!(now.hash, if one.is_ok() { vec![2; 32] } else { vec![3; 32] });

        let stale = db.rotate_session(row.id, &[1; 32], &[4; 32], later(6)).await;
        assert!(matches!(stale, Err(StoreError::NotFound(_))), "{stale:?}");
        db.rotate_session(row.id, &now.hash, &[4; 32], later(6)).await.unwrap();
        db.note_step_up(row.id, later(7)).await.unwrap();
        let now = db.sessions_of(ada).await.unwrap().remove(0);
        assert_eq!((now.step_up_at, now.rotated_at, now.hash), (Some(later(7)), later(6), vec![4; 32]));
        db.revoke_sessions(ada, "x", later(8)).await.unwrap();
        let gone = db.note_step_up(row.id, later(9)).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn uses_only_move_forward_and_change_no_rights() {
    each(async |db: TestDb| {
        let ada = db.add_user("ada@example.com", "", NOW).await.unwrap().id;
        let row = session(ada, 1);
        db.add_session(&row).await.unwrap();
        let epoch = db.access_epoch().await.unwrap();
        db.note_session_uses(&[(row.id, later(9)), (SessionId::new(NOW), later(9))]).await.unwrap();
        db.note_session_uses(&[(row.id, later(5))]).await.unwrap();
        assert_eq!(db.sessions_of(ada).await.unwrap()[0].last_seen_at, later(9));
        assert_eq!(db.access_epoch().await.unwrap(), epoch);
        assert_eq!(db.sessions_seen_since(later(8)).await.unwrap(), [(row.id, later(9))]);
        assert_eq!(db.sessions_seen_since(later(9)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_person_who_is_removed_leaves_no_session() {
    each(async |db: TestDb| {
        let nobody = UserId::new(NOW);
        assert!(db.add_session(&session(nobody, 1)).await.is_err(), "no session without a person");
    })
    .await;
}

#[tokio::test]
async fn a_ceremony_is_finished_once() {
    each(async |db: TestDb| {
        let ceremony = |hash: u8, kind: &str| CeremonyRow {
            hash: vec![hash; 32],
            kind: kind.to_owned(),
            user_id: None,
            session_id: None,
            state: r#"{"a":1}"#.to_owned(),
            created_at: NOW,
            expires_at: later(60),
        };
        db.add_ceremony(&ceremony(1, "login")).await.unwrap();
        assert_eq!(db.take_ceremony(&[1; 32], "passkey", NOW).await.unwrap(), None, "of another kind");
        let (one, two) =
            tokio::join!(db.take_ceremony(&[1; 32], "login", NOW), db.take_ceremony(&[1; 32], "login", NOW));
        let taken: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(taken, [ceremony(1, "login")]);

        db.add_ceremony(&ceremony(2, "login")).await.unwrap();
        assert_eq!(db.take_ceremony(&[2; 32], "login", later(60)).await.unwrap(), None, "expired");
        assert_eq!(db.sweep_ceremonies(later(60)).await.unwrap(), 0, "and taken all the same");
        db.add_ceremony(&ceremony(3, "login")).await.unwrap();
        assert_eq!(db.sweep_ceremonies(later(59)).await.unwrap(), 0);
        assert_eq!(db.sweep_ceremonies(later(60)).await.unwrap(), 1);
    })
    .await;
}
