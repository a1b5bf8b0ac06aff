//! Uploads belong to whoever began them; of those who write a tag at the same moment, one decision is made.

use super::{
    Own,
    target::{CONFIG, LAYER, OCI_MANIFEST, Target, descriptor, digest, image, refused, with_digest},
};
use crate::support::registry::{Distribution, ProxyServer};
use futures_util::future::join_all;
use serde_json::Value;

/// Asks each kind of backend there is.
pub async fn of_each_kind(ask: impl AsyncFn(&str)) {
    let own = Own::start().await;
    ask(&own.server.url()).await;
    if let Some(server) = super::in_bucket().await {
        ask(&server.url()).await;
    }
    ask(&ProxyServer::before(&own.server.url()).await.url()).await;
    if let Some(registry) = Distribution::start().await {
        ask(&ProxyServer::before(&registry.url).await.url()).await;
    }
}

fn by(base: &str, subject: &'static str) -> Target {
    Target::new(base, move |request| request.header("x-subject", subject))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_its_beginners() {
    of_each_kind(async |base| {
        let (ada, eve, nobody) = (by(base, "ada"), by(base, "eve"), Target::open(base));
        let repository = ada.repository("owned");
        let upload = ada.start(&repository).await;
        for other in [&eve, &nobody] {
            for method in ["GET", "PATCH", "DELETE"] {
                let request = other.request(method, &upload).body("evil");
                refused(request.send().await.unwrap(), 404, "BLOB_UPLOAD_UNKNOWN").await;
            }
            let put = other.request("PUT", &with_digest(&upload, &digest(b"evil"))).body("evil");
            refused(put.send().await.unwrap(), 404, "BLOB_UPLOAD_UNKNOWN").await;
        }
        assert_eq!(ada.request("PATCH", &upload).body("good").send().await.unwrap().status(), 202);
        assert_eq!(ada.send("PUT", &with_digest(&upload, &digest(b"good"))).await.status(), 201);
    })
    .await;
}

/// The same image, pushed by eight at once: all have it, it is there once, and nothing is left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_push_the_same_image() {
    let own = Own::start().await;
    eight(&own.server.url()).await;
    assert_eq!(own.files(), (3, 0), "content once, and no stray upload");
    let proxy = ProxyServer::before(&own.server.url()).await;
    eight(&proxy.url()).await;
    assert_eq!(own.files().1, 0);
    if let Some(registry) = Distribution::start().await {
        eight(&ProxyServer::before(&registry.url).await.url()).await;
        assert_eq!(registry.uploads(), 0);
    }
}

async fn eight(base: &str) {
    let target = Target::open(base);
    let pushes = (0..8).map(|_| target.push_image("eight/app", "v1", "the same"));
    let digests: Vec<_> = join_all(pushes).await.into_iter().map(|(_, digest)| digest).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    let answer = target.get("/v2/eight/app/manifests/v1").await;
    assert_eq!(digest(&answer.bytes().await.unwrap()), digests[0]);
    let layer = target.get(&format!("/v2/eight/app/blobs/{}", digest(b"layer of the same"))).await;
    assert_eq!(layer.text().await.unwrap(), "layer of the same");
}

/// Eight different images of one layer, ready to be named.
pub async fn contenders(target: &Target, repository: &str) -> Vec<Value> {
    target.push_blob(repository, b"{}").await;
    let mut images = Vec::new();
    for number in 0..8 {
        let layer = format!("layer {number}");
        target.push_blob(repository, layer.as_bytes()).await;
        images.push(image(&[descriptor(CONFIG, b"{}"), descriptor(LAYER, layer.as_bytes())]));
    }
    images
}

pub async fn race(target: &Target, repository: &str, tag: &str, images: &[Value]) -> Vec<u16> {
    let pushes = images.iter().map(|image| target.put_manifest(repository, tag, OCI_MANIFEST, image));
    join_all(pushes).await.iter().map(|answer| answer.status().as_u16()).collect()
}
