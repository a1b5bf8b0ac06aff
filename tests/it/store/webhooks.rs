//! The queue of webhooks, and who brought a blob, on every engine.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{
        Timestamp,
        id::{DeliveryId, RequestId},
    },
    store::{DeliveryRow, UploadRow},
};

fn delivery(webhook: &str, at: Timestamp) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::new(at),
        webhook: webhook.into(),
        body: b"{\"a\":\"\xc3\xa9\"}".to_vec(),
        certain: 0,
        created_at: at,
        next_try_at: at.saturating_add(std::time::Duration::from_secs(900)),
        tries: 0,
        sent_at: None,
        failed_at: None,
        last_error: None,
    }
}

#[tokio::test]
async fn what_is_uncertain_waits_and_what_is_certain_goes() {
    each(async |db: TestDb| {
        let rows = [delivery("ci", NOW), delivery("ci", later(1)), delivery("ci", later(2))];
        db.add_deliveries(&rows).await.unwrap();
        assert_eq!(db.claim_delivery("ci", later(10), later(100)).await.unwrap(), None);
        db.take_deliveries_back(&[rows[0].id]).await.unwrap();
        db.confirm_deliveries(&[rows[1].id], later(10)).await.unwrap();
        let claimed = db.claim_delivery("ci", later(10), later(100)).await.unwrap().unwrap();
        assert_eq!(
            (claimed.delivery.id, claimed.delivery.certain, claimed.delivery.tries),
            (rows[1].id, 1, 1)
        );
        assert_eq!(claimed.delivery.body, rows[1].body);
        assert_eq!(db.claim_delivery("ci", later(10), later(100)).await.unwrap(), None);
        // Nobody told what became of the third.
        let unsure = db.claim_delivery("ci", later(902), later(1_000)).await.unwrap();
        assert_eq!(unsure.as_ref().map(|one| one.delivery.id), Some(rows[1].id), "its lease is over first");
        let unsure = db.claim_delivery("ci", later(902), later(1_000)).await.unwrap().unwrap();
        assert_eq!((unsure.delivery.id, unsure.delivery.certain), (rows[2].id, 0));
        assert!(db.put_delivery_off(&unsure, later(950)).await.unwrap());
        let again = db.claim_delivery("ci", later(960), later(1_100)).await.unwrap().unwrap();
        assert_eq!((again.delivery.tries, again.delivery.certain), (1, 0));
        // What is certain is not taken back.
        db.take_deliveries_back(&[rows[1].id]).await.unwrap();
        assert_eq!(db.deliveries().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn each_webhook_has_its_own_queue() {
    each(async |db: TestDb| {
        let rows = [delivery("ci", NOW), delivery("scan", NOW)];
        db.add_deliveries(&rows).await.unwrap();
        db.confirm_deliveries(&rows.each_ref().map(|row| row.id), NOW).await.unwrap();
        let ci = db.claim_delivery("ci", NOW, later(100)).await.unwrap().unwrap();
        assert!(db.retry_delivery(&ci, later(50), "the receiver answered 500").await.unwrap());
        assert_eq!(db.waiting_deliveries("ci").await.unwrap(), 1);
        let scan = db.claim_delivery("scan", NOW, later(100)).await.unwrap().unwrap();
        assert!(db.delivery_sent(&scan, later(1)).await.unwrap());
        assert_eq!(db.waiting_deliveries("scan").await.unwrap(), 0);
        let again = db.claim_delivery("ci", later(50), later(200)).await.unwrap().unwrap();
        assert_eq!(again.delivery.last_error.as_deref(), Some("the receiver answered 500"));
        assert!(!db.delivery_sent(&ci, later(51)).await.unwrap(), "who lost the lease reports nothing");
        assert!(db.give_delivery_up(&again, "no", later(60)).await.unwrap());
        assert_eq!(db.claim_delivery("ci", later(9_999), later(99_999)).await.unwrap(), None);

        let unsent = db.unsent_deliveries(9).await.unwrap();
        let given_up = (unsent.len(), unsent[0].id, unsent[0].failed_at, unsent[0].last_error.as_deref());
        assert_eq!(given_up, (1, rows[0].id, Some(later(60)), Some("no")));
        assert!(db.revive_delivery(rows[0].id, later(70)).await.unwrap());
        assert!(!db.revive_delivery(rows[0].id, later(70)).await.unwrap(), "it is under way");
        assert!(!db.revive_delivery(rows[1].id, later(70)).await.unwrap(), "it was sent");
        assert_eq!(db.claim_delivery("ci", later(69), later(99)).await.unwrap(), None);
        let revived = db.claim_delivery("ci", later(70), later(300)).await.unwrap().unwrap();
        assert_eq!((revived.delivery.tries, revived.delivery.failed_at), (1, None));
        assert!(!db.delivery_sent(&again, later(71)).await.unwrap(), "who gave it up reports nothing");
        assert_eq!(db.sweep_deliveries(later(-1)).await.unwrap(), 0);
        assert_eq!(db.sweep_deliveries(NOW).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn many_replicas_claim_each_once() {
    each(async |db: TestDb| {
        let rows: Vec<_> = (0..10).map(|index| delivery("ci", later(index))).collect();
        db.add_deliveries(&rows).await.unwrap();
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        db.confirm_deliveries(&ids, later(10)).await.unwrap();
        let replica = db.again().await;
        let claims = (0..30).map(|index| {
            let db = if index % 2 == 0 { &db.db } else { &replica };
            db.claim_delivery("ci", later(20), later(300))
        });
        let mut ids: Vec<_> = futures_util::future::join_all(claims)
            .await
            .into_iter()
            .filter_map(Result::unwrap)
            .map(|claimed| claimed.delivery.id)
            .collect();
        while let Some(claimed) = db.claim_delivery("ci", later(20), later(300)).await.unwrap() {
            ids.push(claimed.delivery.id);
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
async fn who_brought_a_blob() {
    each(async |db: TestDb| {
        let (first, second) = (RequestId::new(NOW), RequestId::new(later(1)));
        db.note_upload("team/app", "sha256:a", first, NOW).await.unwrap();
        db.note_upload("team/app", "sha256:b", first, NOW).await.unwrap();
        db.note_upload("team/app", "sha256:a", second, later(1)).await.unwrap();
        db.note_upload("team/other", "sha256:c", first, NOW).await.unwrap();
        let asked = ["sha256:b", "sha256:c", "sha256:a"].map(str::to_owned);
        let found = db.uploads_of("team/app", &asked).await.unwrap();
        let row = |digest: &str, request_id| UploadRow { digest: digest.to_owned(), request_id };
        assert_eq!(found, [row("sha256:b", first), row("sha256:a", second)]);
        assert_eq!(db.sweep_uploads(NOW).await.unwrap(), 2);
    })
    .await;
}
