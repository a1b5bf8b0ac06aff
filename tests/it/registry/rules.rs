//! Tags that never change, quotas, and times in which nothing changes: for each kind of backend.

use super::{
    owners::{contenders, race},
    target::{CONFIG, LAYER, OCI_MANIFEST, Target, descriptor, digest, image, refused, with_digest},
};
use crate::support::registry::{Distribution, ProxyServer, RegistryServer};
use rack_gateway::{
    config::{ImmutableRule, Quota},
    core::SystemClock,
    registry::{
        ReadOnly, Rules,
        embedded::Place,
        proxy::{Login, Redirects},
        rules::{ImmutableTags, Quotas},
    },
};
use std::sync::Arc;

async fn with_rules(rules: impl Fn() -> Rules, ask: impl AsyncFn(&Target)) {
    let clock = || Arc::new(SystemClock);
    let root = tempfile::tempdir().unwrap();
    let place = Place::Directory(root.path().to_owned());
    let server = RegistryServer::with_rules(place, clock(), rules()).await;
    ask(&Target::open(&server.url())).await;
    if let Some(bucket) = super::new_bucket().await {
        let server = RegistryServer::with_rules(Place::S3(bucket), clock(), rules()).await;
        ask(&Target::open(&server.url())).await;
    }
    if let Some(registry) = Distribution::start().await {
        let proxy = ProxyServer::with(&registry.url, Login::None, Redirects::Follow, rules()).await;
        ask(&Target::open(&proxy.url())).await;
    }
}

fn immutable() -> Rules {
    let rule = |repositories: &str, tags: &str, is_exception| ImmutableRule {
        repositories: repositories.into(),
        tags: tags.into(),
        is_exception,
    };
    let rules = [rule("kept/**", "v*", false), rule("kept/**", "v0", true)];
    Rules { immutable: ImmutableTags::of(&rules), ..Rules::default() }
}

fn quota(bytes: u64) -> Rules {
    let quotas = [Quota { namespace: Some("small".into()), bytes }];
    Rules { quotas: Quotas::of(&quotas), ..Rules::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immutable_tag_stays_what_it_is() {
    with_rules(immutable, async |target| {
        let (first, kept) = target.push_image("kept/app", "v1", "first").await;
        assert_eq!(
            target.put_manifest("kept/app", "v1", OCI_MANIFEST, &first).await.status(),
            201,
            "the same again"
        );
        let (second, _) = target.push_image("kept/app", "latest", "second").await;
        let answer = target.put_manifest("kept/app", "v1", OCI_MANIFEST, &second).await;
        let said = refused(answer, 403, "DENIED").await;
        assert!(
            said["errors"][0]["message"].as_str().unwrap().contains("v1 of kept/app is immutable"),
            "{said}"
        );
        // Nor by the way of the digest, nor by taking it away.
        let by_digest = format!("{}?tag=v1", digest(second.to_string().as_bytes()));
        refused(target.put_manifest("kept/app", &by_digest, OCI_MANIFEST, &second).await, 403, "DENIED")
            .await;
        for reference in ["v1", &kept] {
            let path = format!("/v2/kept/app/manifests/{reference}");
            refused(target.send("DELETE", &path).await, 403, "DENIED").await;
        }
        let there = target.get("/v2/kept/app/manifests/v1").await;
        assert_eq!(there.text().await.unwrap(), first.to_string());
        // An exception, another tag, another repository.
        for (repository, tag) in [("kept/app", "v0"), ("kept/app", "latest"), ("free/app", "v1")] {
            target.push_image(repository, tag, "one").await;
            target.push_image(repository, tag, "two").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_who_make_an_immutable_tag_one_does() {
    with_rules(immutable, async |target| {
        let images = contenders(target, "kept/race").await;
        for tag in ["v1", "v2", "v3"] {
            let statuses = race(target, "kept/race", tag, &images).await;
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 201 | 403)), "{statuses:?}");
            let winner = statuses.iter().position(|status| *status == 201).unwrap();
            let there = target.get(&format!("/v2/kept/race/manifests/{tag}")).await.text().await.unwrap();
            assert_eq!(there, images[winner].to_string());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_holds_no_more_than_it_may() {
    with_rules(
        || quota(100_000),
        async |target| {
            target.push_image("small/app", "v1", "fits").await;
            let layer = vec![1u8; 90_000];
            target.push_blob("small/app", &layer).await;
            let document = image(&[descriptor(CONFIG, b"{\"of\":\"fits\"}"), descriptor(LAYER, &layer)]);
            assert_eq!(target.put_manifest("small/app", "v2", OCI_MANIFEST, &document).await.status(), 201);

            // What says how long it is, is refused before it is sent; what does not, as soon as it is too much.
            let more = vec![2u8; 20_000];
            let upload = target.start("small/other").await;
            let answer =
                target.request("PUT", &with_digest(&upload, &digest(&more))).body(more.clone()).send().await;
            let said = refused(answer.unwrap(), 403, "DENIED").await.to_string();
            assert!(said.contains("namespace small holds") && said.contains("97.7 KiB"), "{said}");
            let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
                more.chunks(1_000).map(|piece| Ok(piece.to_vec())).collect();
            let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
            let upload = target.start("small/other").await;
            refused(target.request("PATCH", &upload).body(stream).send().await.unwrap(), 403, "DENIED").await;
            refused(target.get(&upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;

            // Others are not concerned, and what fits still fits.
            target.push_blob("large/app", &vec![3u8; 200_000]).await;
            target.push_image("small/app", "v3", "x").await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_namespace_is_told_at_once_and_freed_by_deleting() {
    with_rules(
        || quota(700),
        async |target| {
            let (_, digest) = target.push_image("small/app", "v1", "fill").await;
            let mut number = 0;
            let refusal = loop {
                number += 1;
                let answer = target.send("POST", "/v2/small/app/blobs/uploads/").await;
                if answer.status() != 202 {
                    break answer;
                }
                let upload = super::target::location(&answer);
                let bytes = format!("more to fill it: {number:080}");
                let put =
                    target.request("PUT", &with_digest(&upload, &super::target::digest(bytes.as_bytes())));
                let answer = put.body(bytes).send().await.unwrap();
                if answer.status() != 201 {
                    break answer;
                }
                assert!(number < 100, "it is never full");
            };
            refused(refusal, 403, "DENIED").await;
            assert_eq!(
                target.send("DELETE", &format!("/v2/small/app/manifests/{digest}")).await.status(),
                202
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_changes_while_the_registry_is_read_only() {
    let read_only = || ReadOnly::new("collecting garbage until 12:00", || true);
    let rules = || Rules { read_only: read_only(), ..Rules::default() };
    with_rules(rules, async |target| {
        for (method, path) in [
            ("POST", "/v2/a/blobs/uploads/"),
            ("PUT", "/v2/a/manifests/v1"),
            ("DELETE", "/v2/a/manifests/v1"),
        ] {
            let said = refused(target.send(method, path).await, 405, "UNSUPPORTED").await.to_string();
            assert!(said.contains("collecting garbage until 12:00"), "{said}");
        }
        assert_eq!(target.get("/v2/_catalog").await.status(), 200);
    })
    .await;
}
