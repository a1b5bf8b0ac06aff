//! Leases of the registry, and uploads to one elsewhere.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use futures_util::future::join_all;
use rack_gateway::{core::id::UploadId, store::RegistryUploadRow};

#[tokio::test]
async fn a_lease_is_one_holders_until_it_runs_out_or_is_let_go() {
    each(async |db: TestDb| {
        assert!(db.take_registry_lease("tag/a:v1", "one", later(10), NOW).await.unwrap());
        assert!(!db.take_registry_lease("tag/a:v1", "two", later(20), later(9)).await.unwrap());
        assert!(
            db.take_registry_lease("tag/a:v2", "two", later(20), later(9)).await.unwrap(),
            "another name"
        );
        assert!(db.take_registry_lease("tag/a:v1", "one", later(15), later(9)).await.unwrap(), "renewed");
        assert!(!db.take_registry_lease("tag/a:v1", "two", later(20), later(14)).await.unwrap());
        assert!(db.take_registry_lease("tag/a:v1", "two", later(25), later(15)).await.unwrap(), "run out");
        assert!(!db.take_registry_lease("tag/a:v1", "one", later(30), later(16)).await.unwrap(), "lost");
        db.drop_registry_lease("tag/a:v1", "one").await.unwrap();
        assert!(!db.take_registry_lease("tag/a:v1", "three", later(30), later(16)).await.unwrap(), "not his");
        db.drop_registry_lease("tag/a:v1", "two").await.unwrap();
        assert!(db.take_registry_lease("tag/a:v1", "three", later(30), later(16)).await.unwrap());
        assert_eq!(db.sweep_registry_leases(later(30)).await.unwrap(), 2);
        assert!(db.open_registry_gate("p", later(50), later(40)).await.unwrap(), "the gate itself stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_take_a_lease_one_has_it() {
    each(async |db: TestDb| {
        let other = db.again().await;
        let takes = (0..16).map(|number| {
            let db = if number % 2 == 0 { db.db.clone() } else { other.clone() };
            async move { db.take_registry_lease("x", &format!("h{number}"), later(10), NOW).await.unwrap() }
        });
        assert_eq!(join_all(takes).await.into_iter().filter(|taken| *taken).count(), 1);
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_gate_is_closed_for_others_and_tells_who_is_still_in() {
    each(async |db: TestDb| {
        assert!(db.open_registry_gate("a", later(10), NOW).await.unwrap());
        assert!(db.open_registry_gate("b", later(10), NOW).await.unwrap());
        assert!(db.close_registry_gate("b", later(60), later(1)).await.unwrap());
        assert!(!db.close_registry_gate("c", later(60), later(1)).await.unwrap());
        assert_eq!(db.open_registry_gates("b", later(9)).await.unwrap(), 1);
        assert_eq!(db.open_registry_gates("b", later(10)).await.unwrap(), 0);
        assert!(!db.open_registry_gate("a", later(20), later(2)).await.unwrap());
        assert!(db.open_registry_gate("b", later(20), later(2)).await.unwrap());
        assert!(db.open_registry_gate("a", later(80), later(60)).await.unwrap(), "whoever closed it died");
    })
    .await;
}

/// Whichever comes first, the other sees it: no process passes a gate that was closed without waiting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_and_closing_never_miss_each_other() {
    each(async |db: TestDb| {
        let other = db.again().await;
        for round in 0..20 {
            let (begin, end) = (later(round * 100), later(round * 100 + 50));
            let (opened, closed) = tokio::join!(
                db.open_registry_gate("pusher", end, begin),
                other.close_registry_gate("collector", end, begin)
            );
            assert!(closed.unwrap());
            let seen = other.open_registry_gates("collector", begin).await.unwrap();
            assert_eq!(seen, i64::from(opened.unwrap()), "round {round}");
        }
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn uploads_are_kept_as_given() {
    each(async |db: TestDb| {
        let row = |subject: Option<&str>| RegistryUploadRow {
            id: UploadId::new(NOW),
            repository: "team/app".to_owned(),
            subject: subject.map(str::to_owned),
            place: "/v2/team/app/blobs/uploads/1?_state=x%3D".to_owned(),
            received: 0,
            created_at: NOW,
            touched_at: NOW,
        };
        let (mut own, anybodys) = (row(Some("user:1")), row(None));
        for row in [&own, &anybodys] {
            db.add_registry_upload(row).await.unwrap();
            assert_eq!(db.registry_upload(row.id).await.unwrap().as_ref(), Some(row));
        }
        own.place = "/elsewhere".to_owned();
        (own.received, own.touched_at) = (5_000_000_000, later(60));
        db.move_registry_upload(&own).await.unwrap();
        assert_eq!(db.registry_upload(own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(db.sweep_registry_uploads(later(59)).await.unwrap(), 1);
        assert_eq!(db.registry_upload(anybodys.id).await.unwrap(), None);
        db.delete_registry_upload(own.id).await.unwrap();
        assert_eq!(db.registry_upload(own.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_to_a_namespace_adds_up_whoever_tells_of_it() {
    each(async |db: TestDb| {
        let other = db.again().await;
        assert_eq!(db.registry_quota_bytes("team").await.unwrap(), 0);
        let adds = (0..10).map(|number| {
            let db = if number % 2 == 0 { db.db.clone() } else { other.clone() };
            async move { db.add_registry_quota_bytes("team", 1 << 40).await.unwrap() }
        });
        let sums = join_all(adds).await;
        assert_eq!(sums.iter().max(), Some(&(10 << 40)));
        assert_eq!(db.registry_quota_bytes("team").await.unwrap(), 10 << 40);
        assert_eq!(db.registry_quota_bytes("other").await.unwrap(), 0);
        other.close().await;
    })
    .await;
}
