//! Instances, their events and the nodes, on every engine.

use super::{NOW, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{Timestamp, id::UserId},
    store::{BeatRow, EventKind, InstanceWrite, NodeRow, SlugRow, Written},
};
use std::time::Duration;

fn write(kind: EventKind, id: &str, slug: &str, url: &str, known: Option<i64>) -> InstanceWrite {
    let record = format!(r#"{{"of":"{id}"}}"#);
    InstanceWrite { kind, id: id.into(), slug: slug.into(), url: url.into(), record, known, at: NOW }
}

fn new(id: &str, slug: &str, url: &str) -> InstanceWrite {
    write(EventKind::Registered, id, slug, url, None)
}

fn claim(slug: &str, owner_id: UserId) -> SlugRow {
    SlugRow { slug: slug.into(), owner_id, owner_email: "ada@example.com".into(), claimed_at: NOW }
}

#[tokio::test]
async fn a_change_counts_only_on_what_it_was_decided_on() {
    each(async |db: TestDb| {
        let made = db.write_instance(&new("inst_1", "web", "http://a:1"), None).await.unwrap();
        assert_eq!(made, Written::At(1));
        let again = db.write_instance(&new("inst_1", "web", "http://b:1"), None).await.unwrap();
        assert_eq!(again, Written::Overtaken, "the id is taken");
        let twin = db.write_instance(&new("inst_2", "web", "http://a:1"), None).await.unwrap();
        assert_eq!(twin, Written::Overtaken, "the address is taken");
        let moved = write(EventKind::Updated, "inst_1", "web", "http://b:1", Some(1));
        let Written::At(revision) = db.write_instance(&moved, None).await.unwrap() else { panic!("refused") };
        assert_eq!(
            db.write_instance(&moved, None).await.unwrap(),
            Written::Overtaken,
            "decided on an old one"
        );
        let rows = db.instances().await.unwrap();
        assert_eq!((rows.len(), rows[0].url.as_str(), rows[0].revision), (1, "http://b:1", revision));
        let gone = write(EventKind::Removed, "inst_1", "web", "http://b:1", Some(revision));
        assert!(matches!(db.write_instance(&gone, None).await.unwrap(), Written::At(_)));
        assert_eq!(db.write_instance(&gone, None).await.unwrap(), Written::Overtaken);
        assert!(db.instances().await.unwrap().is_empty());
        let events = db.directory_events(0, 10).await.unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["registered", "updated", "removed"]);
        assert_eq!(db.directory_head().await.unwrap().revision, events[2].revision);
    })
    .await;
}

#[tokio::test]
async fn a_slug_has_one_owner_and_outlives_its_instances() {
    each(async |db: TestDb| {
        let (ada, eve) = (UserId::new(NOW), UserId::new(later(1)));
        let first = new("inst_1", "web", "http://a:1");
        assert!(matches!(db.write_instance(&first, Some(&claim("web", ada))).await.unwrap(), Written::At(1)));
        let squat = new("inst_2", "web", "http://evil:1");
        let refused = db.write_instance(&squat, Some(&claim("web", eve))).await.unwrap();
        assert_eq!(refused, Written::Claimed(ada));
        assert!(!db.release_slug("web").await.unwrap(), "while there are instances");
        let gone = write(EventKind::Removed, "inst_1", "web", "http://a:1", Some(1));
        db.write_instance(&gone, None).await.unwrap();
        let refused = db.write_instance(&squat, Some(&claim("web", eve))).await.unwrap();
        assert_eq!(refused, Written::Claimed(ada), "a service that is down keeps its name");
        assert_eq!(db.directory_events(0, 10).await.unwrap().len(), 2, "what is refused is no event");
        assert!(db.release_slug("web").await.unwrap());
        assert!(matches!(db.write_instance(&squat, Some(&claim("web", eve))).await.unwrap(), Written::At(_)));
        assert_eq!(db.slugs().await.unwrap(), [claim("web", eve)]);
    })
    .await;
}

#[tokio::test]
async fn a_failed_claim_leaves_nothing_behind() {
    each(async |db: TestDb| {
        db.write_instance(&new("inst_1", "web", "http://a:1"), None).await.unwrap();
        let (ada, taken) = (UserId::new(NOW), new("inst_1", "billing", "http://b:1"));
        let refused = db.write_instance(&taken, Some(&claim("billing", ada))).await.unwrap();
        assert_eq!(refused, Written::Overtaken);
        assert!(db.slugs().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn findings_go_together_and_the_overtaken_are_left_out() {
    each(async |db: TestDb| {
        for index in 1..=3 {
            let one = new(&format!("inst_{index}"), "web", &format!("http://a:{index}"));
            db.write_instance(&one, None).await.unwrap();
        }
        let found = |index: i64, known| {
            write(
                EventKind::Status,
                &format!("inst_{index}"),
                "web",
                &format!("http://a:{index}"),
                Some(known),
            )
        };
        let written = db.write_findings(&[found(1, 1), found(2, 77), found(3, 3)]).await.unwrap();
        assert!(
            matches!(written.as_slice(), [Written::At(_), Written::Overtaken, Written::At(_)]),
            "{written:?}"
        );
        let events = db.directory_events(3, 10).await.unwrap();
        let ids: Vec<_> = events.iter().map(|event| event.instance_id.as_str()).collect();
        assert_eq!(ids, ["inst_1", "inst_3"]);
        assert!(db.write_findings(&[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn signs_of_life_only_move_forward_and_the_dead_have_none() {
    each(async |db: TestDb| {
        db.write_instance(&new("inst_1", "web", "http://a:1"), None).await.unwrap();
        let beat = |id: &str, renewed, seen| BeatRow {
            instance_id: id.into(),
            renewed_at: later(renewed),
            seen_at: later(seen),
        };
        db.write_beats(&[beat("inst_1", 10, 20), beat("inst_gone", 1, 1)]).await.unwrap();
        db.write_beats(&[beat("inst_1", 15, 5)]).await.unwrap();
        let row = db.instances().await.unwrap().remove(0);
        assert_eq!((row.renewed_at, row.seen_at), (later(15), later(20)));
        assert_eq!(db.beats_since(later(16)).await.unwrap(), [beat("inst_1", 15, 20)]);
        assert!(db.beats_since(later(20)).await.unwrap().is_empty());
        let gone = write(EventKind::Removed, "inst_1", "web", "http://a:1", Some(1));
        db.write_instance(&gone, None).await.unwrap();
        assert!(db.beats_since(Timestamp::default()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn two_replicas_write_thousands_of_beats_without_waiting_for_each_other_forever() {
    each(async |db: TestDb| {
        let mut beats = Vec::new();
        for index in 0..200 {
            let id = format!("inst_{index}");
            db.write_instance(&new(&id, "web", &format!("http://a:{index}")), None).await.unwrap();
            beats.push(BeatRow { instance_id: id, renewed_at: later(index), seen_at: later(index) });
        }
        let replica = db.again().await;
        let mut reversed = beats.clone();
        reversed.reverse();
        for _ in 0..10 {
            let (one, other) = tokio::join!(db.write_beats(&beats), replica.write_beats(&reversed));
            one.unwrap();
            other.unwrap();
        }
        assert_eq!(db.beats_since(Timestamp::default()).await.unwrap().len(), 200);
        replica.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_history_is_bounded_and_says_where_it_begins() {
    each(async |db: TestDb| {
        for index in 1..=10 {
            let one = new(&format!("inst_{index}"), "web", &format!("http://a:{index}"));
            db.write_instance(&one, None).await.unwrap();
        }
        assert_eq!(db.forget_events(4).await.unwrap(), 6);
        let head = db.directory_head().await.unwrap();
        assert_eq!((head.revision, head.forgotten), (10, 6));
        let left = db.directory_events(0, 100).await.unwrap();
        assert_eq!(left.first().unwrap().revision, 7);
        assert_eq!(db.forget_events(100).await.unwrap(), 0);
        assert_eq!(db.directory_head().await.unwrap().forgotten, 6, "what is forgotten does not come back");
        assert_eq!(db.directory_events(8, 1).await.unwrap()[0].revision, 9);
    })
    .await;
}

#[tokio::test]
async fn news_reach_other_processes_where_the_engine_tells_them() {
    each(async |db: TestDb| {
        let replica = db.again().await;
        let mut news = replica.directory_news().await.unwrap();
        db.write_instance(&new("inst_1", "web", "http://a:1"), None).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(2), news.next()).await;
        assert_eq!(told.is_ok(), db.engine() == "postgres");
        drop(news);
        replica.close().await;
    })
    .await;
}

fn node(id: &str, url: &str, owner_id: Option<UserId>, beat_at: Timestamp) -> NodeRow {
    let record = "{}".to_owned();
    NodeRow {
        id: id.into(),
        url: url.into(),
        owner_id,
        record,
        created_at: NOW,
        updated_at: beat_at,
        beat_at,
    }
}

#[tokio::test]
async fn a_node_is_renewed_by_its_owner_alone() {
    each(async |db: TestDb| {
        let (ada, eve) = (UserId::new(NOW), UserId::new(later(1)));
        assert!(db.put_node(&node("node_1", "http://a:1", Some(ada), NOW)).await.unwrap());
        assert!(db.put_node(&node("node_1", "http://a:1", Some(ada), later(5))).await.unwrap());
        assert!(!db.put_node(&node("node_1", "http://e:1", Some(eve), later(6))).await.unwrap(), "by id");
        assert!(
            !db.put_node(&node("node_2", "http://a:1", Some(eve), later(6))).await.unwrap(),
            "by address"
        );
        assert!(!db.put_node(&node("node_1", "http://a:1", None, later(6))).await.unwrap());
        let rows = db.nodes().await.unwrap();
        assert_eq!(rows, [node("node_1", "http://a:1", Some(ada), later(5))]);
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_comes_back_at_its_address_replaces_what_it_was() {
    each(async |db: TestDb| {
        assert!(db.put_node(&node("node_1", "http://a:1", None, NOW)).await.unwrap());
        assert!(db.put_node(&node("node_2", "http://a:1", None, later(1))).await.unwrap());
        let ids: Vec<_> = db.nodes().await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["node_2"]);
        assert_eq!(db.sweep_nodes(NOW).await.unwrap(), 0);
        assert_eq!(db.sweep_nodes(later(1)).await.unwrap(), 1);
        assert!(!db.remove_node("http://a:1").await.unwrap());
    })
    .await;
}
