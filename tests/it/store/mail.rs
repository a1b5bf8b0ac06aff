//! The queue of mail, on every engine.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{core::Timestamp, store::MailRow};

fn mail(at: Timestamp) -> MailRow {
    MailRow::new("ada@example.com", "s", "b\n", at)
}

#[tokio::test]
async fn the_oldest_goes_first_and_to_one_alone() {
    each(async |db: TestDb| {
        let (first, second) = (mail(NOW), mail(later(1)));
        db.add_mail(&second).await.unwrap();
        db.add_mail(&first).await.unwrap();
        assert_eq!(db.claim_mail(later(-1), later(300)).await.unwrap(), None, "not due");
        let claimed = db.claim_mail(later(2), later(300)).await.unwrap().unwrap();
        assert_eq!((claimed.mail.id, claimed.mail.tries), (first.id, 1));
        let next = db.claim_mail(later(2), later(300)).await.unwrap().unwrap();
        assert_eq!(next.mail.id, second.id);
        assert_eq!(db.claim_mail(later(2), later(300)).await.unwrap(), None);
        assert!(db.mail_sent(&claimed, later(3)).await.unwrap());
        assert!(db.retry_mail(&next, later(30), "away").await.unwrap());
        assert_eq!(db.claim_mail(later(29), later(400)).await.unwrap(), None);
        let again = db.claim_mail(later(30), later(400)).await.unwrap().unwrap();
        assert_eq!((again.mail.tries, again.mail.last_error.as_deref()), (2, Some("away")));
        assert!(db.give_mail_up(&again, "no", later(31)).await.unwrap());
        assert_eq!(db.claim_mail(later(9_999), later(99_999)).await.unwrap(), None);
        assert_eq!(db.sweep_mail(later(3)).await.unwrap(), 1);
        assert_eq!(db.sweep_mail(later(31)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn many_replicas_claim_each_once() {
    each(async |db: TestDb| {
        for index in 0..10 {
            db.add_mail(&mail(later(index))).await.unwrap();
        }
        let replica = db.again().await;
        let claims = (0..30).map(|index| {
            let db = if index % 2 == 0 { &db.db } else { &replica };
            db.claim_mail(later(20), later(300))
        });
        // One that lost to another may come back empty-handed although more are due; it asks again later.
        let mut ids: Vec<_> = futures_util::future::join_all(claims)
            .await
            .into_iter()
            .filter_map(Result::unwrap)
            .map(|claimed| claimed.mail.id)
            .collect();
        while let Some(claimed) = db.claim_mail(later(20), later(300)).await.unwrap() {
            ids.push(claimed.mail.id);
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), count), (10, 10));
        replica.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_lost_the_lease_reports_nothing() {
    each(async |db: TestDb| {
        db.add_mail(&mail(NOW)).await.unwrap();
        let slow = db.claim_mail(NOW, later(300)).await.unwrap().unwrap();
        let quick = db.claim_mail(later(300), later(600)).await.unwrap().unwrap();
        assert!(!db.mail_sent(&slow, later(301)).await.unwrap());
        assert!(!db.retry_mail(&slow, later(400), "x").await.unwrap());
        assert!(!db.give_mail_up(&slow, "x", later(301)).await.unwrap());
        assert!(db.mail_sent(&quick, later(302)).await.unwrap());
        assert_eq!(db.mail().await.unwrap()[0].sent_at, Some(later(302)));
    })
    .await;
}
