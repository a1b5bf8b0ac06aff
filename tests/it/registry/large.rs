//! Layers flow through; they are not held in memory. `TEST_LAYER_MIB` makes the layer larger.

use super::damage::Process;
use super::target::{header_of, location, with_digest};
use crate::support::registry::Distribution;
use bytes::Bytes;
use futures_util::StreamExt as _;
use rack_gateway::config::{Env as _, ProcessEnv};
use sha2::{Digest as _, Sha256};

const MIB: usize = 1_024 * 1_024;
/// Far above what it takes, far below a layer.
const MOST_KIB: u64 = 80 * 1_024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_layer_both_ways() {
    let root = tempfile::tempdir().unwrap();
    both_ways(Process::start(root.path()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_layer_both_ways_through_a_proxy() {
    let Some(registry) = Distribution::start().await else { return };
    let root = tempfile::tempdir().unwrap();
    both_ways(Process::before(root.path(), &registry.url).await).await;
}

async fn both_ways(process: Process) {
    let count = ProcessEnv.get("TEST_LAYER_MIB").map_or(256, |text| text.parse().unwrap());
    let piece = Bytes::from((0..MIB).map(|n| (n * 31 % 255) as u8).collect::<Vec<_>>());
    let mut hasher = Sha256::new();
    (0..count).for_each(|_| hasher.update(&piece));
    let digest = format!("sha256:{}", hex::encode(hasher.finalize()));

    let upload = process.target.start("large/layer").await;
    let pieces = futures_util::stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let patch = process.target.request("PATCH", &upload).body(reqwest::Body::wrap_stream(pieces));
    let answer = patch.send().await.unwrap();
    assert_eq!(header_of(&answer, "range"), format!("0-{}", count * MIB - 1));
    assert_eq!(process.target.send("PUT", &with_digest(&location(&answer), &digest)).await.status(), 201);

    let answer = process.target.get(&format!("/v2/large/layer/blobs/{digest}")).await;
    let mut stream = answer.bytes_stream();
    let mut hasher = Sha256::new();
    while let Some(bytes) = stream.next().await {
        hasher.update(bytes.unwrap());
    }
    assert_eq!(format!("sha256:{}", hex::encode(hasher.finalize())), digest);
    let peak = process.peak_memory();
    eprintln!("{count} MiB both ways, peak memory {peak} KiB");
    assert!(peak < MOST_KIB, "{peak} KiB");
    process.kill().await;
}
