//! Logins of the command line, on every engine.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{
        Timestamp,
        id::{CliLoginId, SessionId, UserId},
    },
    identity::change::{
        Actor,
        grants::{self, Holder, NewGrant},
    },
    policy::CallLimits,
    store::{CliLoginRow, SessionRow, StoreError},
};

fn login(code: &str, hash: Option<&[u8]>) -> CliLoginRow {
    CliLoginRow {
        id: CliLoginId::new(NOW),
        hash: hash.map(<[u8]>::to_vec),
        flow: "poll".into(),
        user_code: code.into(),
        code_challenge: Some("challenge".into()),
        redirect_uri: None,
        client_state: None,
        device_id: "d".into(),
        device_name: "laptop".into(),
        ip: "192.0.2.7".into(),
        user_agent: "test".into(),
        created_at: NOW,
        expires_at: later(600),
        poll_interval: 5,
        polled_at: None,
        approved_by: None,
        approved_session: None,
        proved_at: None,
        denied_at: None,
    }
}

async fn person(db: &TestDb) -> (UserId, SessionId) {
    let user = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
    let session =
        SessionRow { step_up_at: Some(NOW), ..SessionRow::new(user.id, b"session", NOW, later(3_600)) };
    db.add_session(&session).await.unwrap();
    (user.id, session.id)
}

#[tokio::test]
async fn comes_back_as_it_went_in() {
    each(async |db: TestDb| {
        let row = login("BCDFGHJK", Some(b"h"));
        db.add_cli_login(&row).await.unwrap();
        assert_eq!(db.cli_login(row.id).await.unwrap().as_ref(), Some(&row));
        assert_eq!(db.cli_login_by_hash(b"h", "poll").await.unwrap().as_ref(), Some(&row));
        assert_eq!(db.cli_login_by_hash(b"h", "device").await.unwrap(), None);
        assert_eq!(db.cli_login_by_user_code("BCDFGHJK").await.unwrap().as_ref(), Some(&row));
        let same_code = login("BCDFGHJK", Some(b"other"));
        assert!(matches!(db.add_cli_login(&same_code).await, Err(StoreError::Exists(_))));
        // Those that have no hash yet do not stand in each other's way.
        db.add_cli_login(&login("CCCCCCCC", None)).await.unwrap();
        db.add_cli_login(&login("DDDDDDDD", None)).await.unwrap();
        assert_eq!(db.open_cli_logins_from("192.0.2.7", NOW).await.unwrap(), 3);
        assert_eq!(db.open_cli_logins_from("192.0.2.7", later(600)).await.unwrap(), 0);
        db.note_cli_login_poll(row.id, 10, later(1)).await.unwrap();
        let polled = db.cli_login(row.id).await.unwrap().unwrap();
        assert_eq!((polled.polled_at, polled.poll_interval), (Some(later(1)), 10));
        assert_eq!(db.sweep_cli_logins(later(599)).await.unwrap(), 0);
        assert_eq!(db.sweep_cli_logins(later(600)).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn the_first_decision_counts_and_one_takes() {
    each(async |db: TestDb| {
        let by = person(&db).await;
        let row = login("BCDFGHJK", None);
        db.add_cli_login(&row).await.unwrap();
        assert!(db.take_cli_login(row.id, NOW).await.unwrap().is_none(), "nobody has decided");
        assert!(!db.approve_cli_login(row.id, by, None, None, later(600)).await.unwrap(), "too late");
        assert!(db.approve_cli_login(row.id, by, Some(NOW), Some(b"code"), later(1)).await.unwrap());
        assert!(!db.approve_cli_login(row.id, by, None, Some(b"again"), later(2)).await.unwrap());
        assert!(!db.deny_cli_login(row.id, later(2)).await.unwrap());
        assert!(db.take_cli_login(row.id, later(600)).await.unwrap().is_none(), "expired");
        let replica = db.again().await;
        let (one, other) =
            tokio::join!(db.take_cli_login(row.id, later(3)), replica.take_cli_login(row.id, later(3)));
        let taken: Vec<_> = [one, other].into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].hash.as_deref(), Some(&b"code"[..]));
        assert_eq!((taken[0].approved_by, taken[0].approved_session), (Some(by.0), Some(by.1)));
        assert_eq!(taken[0].proved_at, Some(NOW));
        replica.close().await;

        let denied = login("CCCCCCCC", Some(b"h"));
        db.add_cli_login(&denied).await.unwrap();
        assert!(db.deny_cli_login(denied.id, later(1)).await.unwrap());
        assert!(!db.approve_cli_login(denied.id, by, None, None, later(2)).await.unwrap());
        assert!(db.take_cli_login(denied.id, later(2)).await.unwrap().is_none());
        db.drop_cli_login(denied.id).await.unwrap();
        assert!(db.cli_login(denied.id).await.unwrap().is_none());
    })
    .await;
}

/// What was proved before somebody's roles changed does not count after it.
#[tokio::test]
async fn a_change_of_roles_forgets_proofs_of_logins_under_way() {
    each(async |db: TestDb| {
        let by = person(&db).await;
        let (hers, another) = (login("BCDFGHJK", Some(b"h")), login("CCCCCCCC", Some(b"i")));
        let bob = db.add_user("bob@example.com", "Bob", NOW).await.unwrap().id;
        for (row, who) in [(&hers, by.0), (&another, bob)] {
            db.add_cli_login(row).await.unwrap();
            assert!(db.approve_cli_login(row.id, (who, by.1), Some(NOW), None, later(1)).await.unwrap());
        }
        let ops = NewGrant {
            role: "ops".into(),
            target: "*".parse().unwrap(),
            expires_at: None,
            limits: CallLimits::default(),
        };
        let ada = Holder::User("ada@example.com".into());
        grants::add(&db, &Actor::Operator, later(2), &ada, &ops).await.unwrap();
        let taken = db.take_cli_login(hers.id, later(3)).await.unwrap().unwrap();
        assert_eq!(
            (taken.approved_by, taken.proved_at),
            (Some(by.0), None),
            "she said yes, and must prove anew"
        );
        assert_eq!(db.cli_login_approver(by.1, later(3)).await.unwrap().unwrap().step_up_at, None);
        let untouched = db.take_cli_login(another.id, later(3)).await.unwrap().unwrap();
        assert_eq!(untouched.proved_at, Some(NOW), "his roles are what they were");
    })
    .await;
}

#[tokio::test]
async fn who_approves_must_be_good() {
    each(async |db: TestDb| {
        let (user, session) = person(&db).await;
        let approver = async |at: Timestamp| db.cli_login_approver(session, at).await.unwrap();
        let good = approver(NOW).await.unwrap();
        assert_eq!(
            (good.user_id, good.email.as_str(), good.method.as_str()),
            (user, "ada@example.com", "passkey")
        );
        assert_eq!(good.step_up_at, Some(NOW));
        assert_eq!(approver(later(3_600)).await, None, "the session's time is over");
        db.set_user_lock("ada@example.com", Some((NOW, ""))).await.unwrap();
        assert_eq!(approver(NOW).await, None);
        db.set_user_lock("ada@example.com", None).await.unwrap();
        db.revoke_session(user, session, "test", NOW).await.unwrap();
        assert_eq!(approver(NOW).await, None);
    })
    .await;
}

#[tokio::test]
async fn guesses_have_one_budget_on_all_replicas() {
    each(async |db: TestDb| {
        let (user, _) = person(&db).await;
        let replica = db.again().await;
        let guesses = (0..20).map(|index| {
            let db = if index % 2 == 0 { &db.db } else { &replica };
            db.reserve_user_code(user, 10, later(-900), NOW)
        });
        let granted: Vec<_> =
            futures_util::future::join_all(guesses).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(granted.len(), 10);
        db.return_attempt(granted[0]).await.unwrap();
        assert!(db.reserve_user_code(user, 10, later(-900), NOW).await.unwrap().is_some());
        assert!(db.reserve_user_code(user, 10, later(-900), NOW).await.unwrap().is_none());
        assert!(db.reserve_user_code(user, 10, NOW, later(1)).await.unwrap().is_some(), "it comes back");
        assert_eq!(db.sweep_attempts(NOW).await.unwrap(), 10);
        replica.close().await;
    })
    .await;
}
