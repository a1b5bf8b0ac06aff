//! What the collector takes, and what it must leave, also while somebody pushes.

use super::{
    Own,
    target::{CONFIG, LAYER, OCI_INDEX, OCI_MANIFEST, Target, descriptor, digest, image},
};
use crate::support::registry::RegistryServer;
use rack_gateway::{
    core::{Clock as _, SystemClock, clock::FixedClock},
    registry::embedded::{Collected, Collection, Keep, Place},
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const GRACE: Duration = Duration::from_secs(3_600);

struct Aged {
    own: Own,
    clock: Arc<FixedClock>,
}

impl Aged {
    async fn start() -> Self {
        let clock = FixedClock::at(SystemClock.now());
        let root = tempfile::tempdir().unwrap();
        let server = RegistryServer::start(Place::Directory(root.path().to_owned()), clock.clone()).await;
        Self { own: Own { server, root }, clock }
    }

    fn target(&self) -> Target {
        self.own.target()
    }

    async fn collect(&self, manifests: Keep) -> Collected {
        let collection = Collection { grace: GRACE, upload_lease: GRACE, manifests };
        self.own.server.embedded.collect_garbage(&collection).await.unwrap()
    }

    /// Enough time for one phase.
    fn pass(&self) {
        self.clock.advance(GRACE + Duration::from_secs(60));
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.target().send(method, path).await.status().as_u16()
    }
}

#[tokio::test]
async fn unneeded_blobs_go_in_two_phases_and_needed_ones_stay() {
    let aged = Aged::start().await;
    let target = aged.target();
    let (_, kept) = target.push_image("gc/app", "v1", "kept").await;
    let stray = target.push_blob("gc/app", b"stray").await;
    let path = format!("/v2/gc/app/blobs/{stray}");
    assert_eq!(aged.collect(Keep::All).await, Collected::default(), "everything is young");
    aged.pass();
    assert_eq!(aged.collect(Keep::All).await, Collected { condemned: 1, ..Collected::default() });
    assert_eq!(aged.collect(Keep::All).await, Collected::default(), "the verdict is young");
    aged.pass();
    let done = aged.collect(Keep::All).await;
    assert_eq!(done, Collected { links: 1, contents: 1, bytes: 5, ..Collected::default() });
    assert_eq!(aged.status("HEAD", &path).await, 404);
    assert_eq!(aged.status("GET", &format!("/v2/gc/app/manifests/{kept}")).await, 200);
    let layer = digest(b"layer of kept");
    assert_eq!(aged.status("GET", &format!("/v2/gc/app/blobs/{layer}")).await, 200);
    assert_eq!(aged.own.files(), (3, 0));
}

#[tokio::test]
async fn in_a_bucket() {
    let Some(bucket) = super::new_bucket().await else { return };
    let clock = FixedClock::at(SystemClock.now());
    let server = RegistryServer::start(Place::S3(bucket), clock.clone()).await;
    let target = Target::open(&server.url());
    let (_, kept) = target.push_image("gc/app", "v1", "kept").await;
    target.push_blob("gc/app", b"stray").await;
    let upload = target.start("gc/app").await;
    assert_eq!(target.request("PATCH", &upload).body(vec![1; 9_000_000]).send().await.unwrap().status(), 202);
    let mut all = Vec::new();
    for _ in 0..2 {
        clock.advance(GRACE + Duration::from_secs(60));
        let collection = Collection { grace: GRACE, upload_lease: GRACE, manifests: Keep::Tagged };
        all.push(server.embedded.collect_garbage(&collection).await.unwrap());
    }
    assert_eq!(all[0], Collected { condemned: 1, uploads: 1, ..Collected::default() });
    assert_eq!(all[1], Collected { links: 1, contents: 1, bytes: 5, ..Collected::default() });
    assert_eq!(target.get(&format!("/v2/gc/app/manifests/{kept}")).await.status(), 200);
    assert_eq!(target.get(&upload).await.status(), 404);
}

#[tokio::test]
async fn whoever_looks_at_a_condemned_blob_saves_it() {
    let aged = Aged::start().await;
    let target = aged.target();
    for word in ["looked", "mounted", "used"] {
        target.push_blob("gc/app", word.as_bytes()).await;
    }
    target.push_blob("gc/app", b"{}").await;
    aged.pass();
    assert_eq!(aged.collect(Keep::All).await.condemned, 4);
    aged.pass();
    let of = |word: &str| format!("/v2/gc/app/blobs/{}", digest(word.as_bytes()));
    assert_eq!(aged.status("HEAD", &of("looked")).await, 200);
    let mount = format!("/v2/gc/other/blobs/uploads/?mount={}&from=gc/app", digest(b"mounted"));
    assert_eq!(aged.status("POST", &mount).await, 201);
    let document = image(&[descriptor(CONFIG, b"{}"), descriptor(LAYER, b"used")]);
    assert_eq!(target.put_manifest("gc/app", "v1", OCI_MANIFEST, &document).await.status(), 201);
    let done = aged.collect(Keep::All).await;
    assert_eq!((done.links, done.contents), (0, 0), "{done:?}");
    for word in ["looked", "mounted", "used"] {
        assert_eq!(aged.status("GET", &of(word)).await, 200, "{word}");
    }
    // One that was looked at and then forgotten goes through both phases again.
    aged.pass();
    aged.collect(Keep::All).await;
    aged.pass();
    aged.collect(Keep::All).await;
    assert_eq!(aged.status("GET", &of("looked")).await, 404);
    assert_eq!(aged.status("GET", &of("used")).await, 200);
}

#[tokio::test]
async fn shared_content_stays_until_its_last_link() {
    let aged = Aged::start().await;
    let target = aged.target();
    target.push_image("gc/one", "v1", "shared").await;
    let (_, second) = target.push_image("gc/two", "v1", "shared").await;
    assert_eq!(aged.status("DELETE", &format!("/v2/gc/two/manifests/{second}")).await, 202);
    for _ in 0..3 {
        aged.pass();
        aged.collect(Keep::All).await;
    }
    let layer = digest(b"layer of shared");
    assert_eq!(aged.status("GET", &format!("/v2/gc/two/blobs/{layer}")).await, 404);
    assert_eq!(aged.status("GET", &format!("/v2/gc/one/blobs/{layer}")).await, 200);
    assert_eq!(aged.own.files(), (3, 0));
}

#[tokio::test]
async fn untagged_manifests_go_only_when_asked_and_only_unreachable_ones() {
    let aged = Aged::start().await;
    let target = aged.target();
    let (child, child_digest) = target.push_image("gc/app", "child", "child").await;
    let index =
        json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, child.to_string().as_bytes())]});
    assert_eq!(target.put_manifest("gc/app", "multi", OCI_INDEX, &index).await.status(), 201);
    let mut signature = image(&[descriptor(CONFIG, b"{\"of\":\"child\"}")]);
    signature["subject"] = descriptor(OCI_MANIFEST, child.to_string().as_bytes());
    let signed = digest(signature.to_string().as_bytes());
    assert_eq!(target.put_manifest("gc/app", &signed, OCI_MANIFEST, &signature).await.status(), 201);
    let (_, old) = target.push_image("gc/app", "moving", "old").await;
    target.push_image("gc/app", "moving", "new").await;
    assert_eq!(aged.status("DELETE", "/v2/gc/app/manifests/child").await, 202);

    let rounds = async |keep| {
        let mut manifests = 0;
        for _ in 0..3 {
            aged.pass();
            manifests += aged.collect(keep).await.manifests;
        }
        manifests
    };
    assert_eq!(rounds(Keep::All).await, 0);
    assert_eq!(rounds(Keep::Tagged).await, 1);
    let status = async |digest: &str| aged.status("GET", &format!("/v2/gc/app/manifests/{digest}")).await;
    assert_eq!(status(&old).await, 404);
    assert_eq!((status(&child_digest).await, status(&signed).await), (200, 200));
}

#[tokio::test]
async fn uploads_that_rest_too_long_are_over() {
    let aged = Aged::start().await;
    let target = aged.target();
    let upload = target.start("gc/app").await;
    assert_eq!(target.request("PATCH", &upload).body("x").send().await.unwrap().status(), 202);
    assert_eq!(aged.collect(Keep::All).await.uploads, 0);
    aged.pass();
    assert_eq!(aged.collect(Keep::All).await.uploads, 1);
    assert_eq!(aged.status("GET", &upload).await, 404);
    assert_eq!(aged.own.files(), (0, 0));
}

/// With no grace at all, everything that is not needed this moment is taken. A push may then be told to begin again,
/// but what it was told is there must be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_pushes() {
    let own = Own::start().await;
    let target = own.target();
    let embedded = own.server.embedded.clone();
    let (pause, taken) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (breath, sum) = (pause.clone(), taken.clone());
    let collecting = tokio::spawn(async move {
        let collection =
            Collection { grace: Duration::ZERO, upload_lease: Duration::from_secs(60), manifests: Keep::All };
        loop {
            let collected = embedded.collect_garbage(&collection).await.unwrap();
            sum.fetch_add(collected.links + collected.contents, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(breath.load(Ordering::Relaxed))).await;
        }
    });
    let (mut pushed, mut retries) = (0, 0);
    for round in 0..25 {
        let content = format!("round {}", round % 5);
        let (config, layer) = (format!("config of {content}"), format!("layer of {content}"));
        let document = image(&[descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, layer.as_bytes())]);
        for attempt in 0.. {
            assert!(attempt < 50, "a push never comes through");
            // The longer it is kept from its end, the longer the collector rests.
            pause.store(attempt * 10, Ordering::Relaxed);
            target.push_blob("gc/busy", config.as_bytes()).await;
            target.push_blob("gc/busy", layer.as_bytes()).await;
            let tag = format!("t{round}");
            let answer = target.put_manifest("gc/busy", &tag, OCI_MANIFEST, &document).await;
            if answer.status() == 201 {
                break;
            }
            assert_eq!(answer.status(), 400, "{}", answer.text().await.unwrap());
            retries += 1;
        }
        for bytes in [&config, &layer] {
            let answer = target.get(&format!("/v2/gc/busy/blobs/{}", digest(bytes.as_bytes()))).await;
            assert_eq!(answer.status(), 200, "round {round}: an image was taken apart");
            assert_eq!(answer.text().await.unwrap(), *bytes);
        }
        if round % 5 == 4 {
            let manifest = digest(document.to_string().as_bytes());
            target.send("DELETE", &format!("/v2/gc/busy/manifests/{manifest}")).await;
        }
        pushed += 1;
    }
    assert!(!collecting.is_finished(), "the collector gave up");
    collecting.abort();
    let taken = taken.load(Ordering::Relaxed);
    println!("{pushed} pushes, {retries} times begun again, {taken} links and contents taken");
    assert!(taken > 0);
}
