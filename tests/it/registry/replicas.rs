//! Two processes on one storage that share a database: one collects garbage at a time, and never what the other needs.

use super::target::{CONFIG, LAYER, OCI_MANIFEST, Target, descriptor, digest, image, refused, with_digest};
use crate::support::{
    database::{TestDb, each},
    registry::Served,
};
use rack_gateway::{
    config::Quota,
    core::{Clock, SharedClock, SystemClock, Timestamp},
    registry::{
        Embedded, Leases, Ruled, Rules,
        embedded::{Collection, Keep, Options, Place},
        rules::Quotas,
    },
    store::Db,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tempfile::TempDir;

/// So many seconds pass in one.
#[derive(Debug)]
struct Hurried {
    since: Timestamp,
    by: u32,
}

impl Hurried {
    fn by(by: u32) -> Self {
        Self { since: SystemClock.now(), by }
    }
}

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        let real = SystemClock.now().since(self.since);
        self.since.saturating_add(real * self.by)
    }
}

async fn replica(place: &Place, db: Db, clock: SharedClock) -> Embedded {
    let leases = Some(Leases::new(db, clock.clone()));
    Embedded::open(Options { place: place.clone(), leases }, clock).await.unwrap()
}

fn directory(root: &TempDir) -> Place {
    Place::Directory(root.path().to_owned())
}

fn at_once() -> Collection {
    Collection { grace: Duration::ZERO, upload_lease: Duration::from_secs(600), manifests: Keep::All }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_collects_at_a_time() {
    each(async |db: TestDb| {
        let root = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let one = replica(&directory(&root), db.db.clone(), clock.clone()).await;
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

/// A push may be told to begin again, but what it was told is there must be there. (A database in a file belongs to one
/// process, so this is PostgreSQL's to prove.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_pushes_of_another_process() {
    each(async |db: TestDb| {
        let root = tempfile::tempdir().unwrap();
        if matches!(db.db, Db::Postgres(_)) {
            pushes_come_through(&directory(&root), &db, Hurried::by(3)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_pushes_of_another_process_in_a_bucket() {
    each(async |db: TestDb| {
        if matches!(db.db, Db::Postgres(_))
            && let Some(bucket) = super::new_bucket().await
        {
            // The server is slow, and what it takes must not last longer than a lease.
            pushes_come_through(&Place::S3(bucket), &db, Hurried::by(2)).await;
        }
    })
    .await;
}

/// What came through one replica leaves so much less for the other, without another count of the storage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_over_replicas() {
    each(async |db: TestDb| {
        let root = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let quota = [Quota { namespace: Some("team".into()), bytes: 10_000 }];
        let mut targets = Vec::new();
        let mut served = Vec::new();
        for _ in 0..2 {
            let quotas = Quotas::of(&quota).shared(db.db.clone());
            let rules = Rules { quotas, ..Rules::default() };
            let backend = replica(&directory(&root), db.db.clone(), clock.clone()).await;
            let one = Served::start(Arc::new(Ruled::new(backend, rules))).await;
            targets.push(Target::open(&one.url()));
            served.push(one);
        }
        let blob = |letter: char| letter.to_string().repeat(3_000).into_bytes();
        for (target, letter) in [(0, 'a'), (1, 'b'), (0, 'c')] {
            targets[target].push_blob("team/app", &blob(letter)).await;
        }
        for target in &targets {
            let upload = target.start("team/app").await;
            let answer = target.request("PATCH", &upload).body(blob('d')).send().await.unwrap();
            let said = refused(answer, 403, "DENIED").await.to_string();
            assert!(said.contains("the namespace team holds 8.8 KiB of 9.8 KiB"), "{said}");
        }
        targets[1].push_blob("team/app", b"a little").await;
    })
    .await;
}

/// Whoever still writes at one replica would write into the blob that the other has made of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_written_by_one_at_a_time() {
    each(async |db: TestDb| {
        if !matches!(db.db, Db::Postgres(_)) {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let mut served = Vec::new();
        for _ in 0..2 {
            let backend = replica(&directory(&root), db.db.clone(), clock.clone()).await;
            served.push(Served::start(Arc::new(backend)).await);
        }
        let [here, there] = [&served[0], &served[1]].map(|one| Target::open(&one.url()));
        let (genuine, forged) = (vec![b'g'; 1_000], vec![b'f'; 1_000]);
        let upload = there.start("team/app").await;
        assert!(upload.starts_with('/'), "{upload}");

        let (body, rest) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
        let stream =
            futures_util::stream::unfold(rest, |mut rest| async { Some((rest.recv().await?, rest)) });
        let slow = there.request("PATCH", &upload).body(reqwest::Body::wrap_stream(stream)).send();
        let slow = tokio::spawn(slow);
        body.send(Ok(Vec::new())).await.unwrap();
        // It has the upload as soon as nobody else gets it.
        let meanwhile = loop {
            let patched = here.request("PATCH", &upload).body(Vec::new()).send().await.unwrap();
            if !patched.status().is_success() {
                break patched;
            }
        };
        refused(meanwhile, 503, "UNAVAILABLE").await;
        let put = here.request("PUT", &with_digest(&upload, &digest(&genuine))).body(genuine.clone());
        refused(put.send().await.unwrap(), 503, "UNAVAILABLE").await;

        body.send(Ok(forged.clone())).await.unwrap();
        drop(body);
        assert_eq!(slow.await.unwrap().unwrap().status(), 202);
        let put = here.request("PUT", &with_digest(&upload, &digest(&forged))).send().await.unwrap();
        assert_eq!(put.status(), 201, "it is anybody's again, at once");
        let blob = there.get(&format!("/v2/team/app/blobs/{}", digest(&forged))).await;
        assert_eq!(blob.bytes().await.unwrap(), forged);
    })
    .await;
}

/// Each push comes when what it needs is about to be deleted.
async fn pushes_come_through(place: &Place, db: &TestDb, clock: Hurried) {
    // Longer than a push is between its look and its use.
    let grace = Duration::from_secs(6);
    let pause = 2 * grace / clock.by;
    let clock: SharedClock = Arc::new(clock);
    let collection = Collection { grace, ..at_once() };
    let collector = replica(place, db.again().await, clock.clone()).await;
    let pusher = Served::start(Arc::new(replica(place, db.db.clone(), clock).await)).await;
    let target = Target::open(&pusher.url());
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let collecting = tokio::spawn(async move {
        loop {
            match collector.collect_garbage(&collection).await {
                Ok(done) => drop(counted.fetch_add(done.links + done.contents, SeqCst)),
                Err(problem) => return problem,
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let mut retries = 0;
    for round in 0..5 {
        let (config, layer) = ("config", "layer");
        let document = image(&[descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, layer.as_bytes())]);
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
        for bytes in [config, layer] {
            let answer = target.get(&format!("/v2/gc/busy/blobs/{}", digest(bytes.as_bytes()))).await;
            assert_eq!(answer.status(), 200, "round {round}: an image was taken apart");
        }
        let manifest = digest(document.to_string().as_bytes());
        target.send("DELETE", &format!("/v2/gc/busy/manifests/{manifest}")).await;
        tokio::time::sleep(pause + Duration::from_millis(250) * round).await;
    }
    if collecting.is_finished() {
        panic!("the collector gave up: {:?}", collecting.await.unwrap());
    }
    // What the last one needed goes, now that nobody does.
    for _ in 0..300 {
        if taken.load(SeqCst) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(taken.load(SeqCst) > 0, "nothing was collected at all");
    collecting.abort();
    eprintln!("{retries} times begun again");
}
