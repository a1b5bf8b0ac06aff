//! Two processes on one storage that share a database: one collects garbage at a time, and never what the other needs.

use super::target::{CONFIG, LAYER, OCI_MANIFEST, Target, descriptor, digest, image};
use crate::support::{
    database::{TestDb, each},
    registry::Served,
};
use rack_gateway::{
    core::{Clock, SharedClock, SystemClock, Timestamp},
    registry::{
        Embedded, Leases,
        embedded::{Collection, Keep, Options, Place},
    },
    store::Db,
};
use std::{path::Path, sync::Arc, time::Duration};

/// Ten seconds pass in one.
#[derive(Debug)]
struct Hurried(Timestamp);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        let real = SystemClock.now().since(self.0);
        self.0.saturating_add(real * 10)
    }
}

async fn replica(root: &Path, db: Db, clock: SharedClock) -> Embedded {
    let leases = Some(Leases::new(db, clock.clone()));
    Embedded::open(Options { place: Place::Directory(root.to_owned()), leases }, clock).await.unwrap()
}

fn at_once() -> Collection {
    Collection { grace: Duration::ZERO, upload_lease: Duration::from_secs(600), manifests: Keep::All }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_collects_at_a_time() {
    each(async |db: TestDb| {
        let root = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let one = replica(root.path(), db.db.clone(), clock.clone()).await;
        let others = Leases::new(db.db.clone(), clock);
        let held = others.take("collection", Duration::from_secs(60), Duration::ZERO);
        let held = held.await.unwrap().unwrap();
        let refusal = one.collect_garbage(&at_once()).await.unwrap_err();
        assert!(refusal.message.contains("already"), "{}", refusal.message);
        held.let_go().await;
        one.collect_garbage(&at_once()).await.unwrap();
        one.collect_garbage(&at_once()).await.unwrap();
    })
    .await;
}

/// With no grace at all, so that only the gate protects. A push may be told to begin again, but what it was told is
/// there must be there. (A database in a file belongs to one process, so this is PostgreSQL's to prove.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_pushes_of_another_process() {
    each(async |db: TestDb| {
        if matches!(db.db, Db::Sqlite { .. }) {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(Hurried(SystemClock.now()));
        let collector = replica(root.path(), db.again().await, clock.clone()).await;
        let pusher = Served::start(Arc::new(replica(root.path(), db.db.clone(), clock).await)).await;
        let target = Target::open(&pusher.url());
        let collecting = tokio::spawn(async move {
            let mut taken = 0;
            loop {
                match collector.collect_garbage(&at_once()).await {
                    Ok(done) => taken += done.links + done.contents,
                    Err(problem) => return (taken, problem),
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        });
        let mut retries = 0;
        for round in 0..6 {
            let (config, layer) = (format!("config {}", round % 2), format!("layer {}", round % 2));
            let document =
                image(&[descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, layer.as_bytes())]);
            for attempt in 0.. {
                assert!(attempt < 30, "a push never comes through");
                target.push_blob("gc/busy", config.as_bytes()).await;
                target.push_blob("gc/busy", layer.as_bytes()).await;
                let answer = target.put_manifest("gc/busy", "t", OCI_MANIFEST, &document).await;
                if answer.status() == 201 {
                    break;
                }
                assert_eq!(answer.status(), 400, "{}", answer.text().await.unwrap());
                retries += 1;
            }
            for bytes in [&config, &layer] {
                let answer = target.get(&format!("/v2/gc/busy/blobs/{}", digest(bytes.as_bytes()))).await;
                assert_eq!(answer.status(), 200, "round {round}: an image was taken apart");
            }
            let manifest = digest(document.to_string().as_bytes());
            target.send("DELETE", &format!("/v2/gc/busy/manifests/{manifest}")).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if collecting.is_finished() {
            panic!("the collector gave up: {:?}", collecting.await.unwrap());
        }
        collecting.abort();
        println!("{retries} times begun again");
    })
    .await;
}
