//! Large bodies pass through as they come, in little memory, however long it takes.

use crate::support::process::Process;
use bytes::Bytes;
use futures_util::stream;
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions, SeenRequest};
use reqwest::{Body, Response};
use serde_json::Value;
use std::io;

const MIB: u64 = 1024 * 1024;
/// Four times what the gateway may grow by, and more than a rack keeps.
const LARGE: u64 = 256 * MIB;
const MAY_GROW_BY_KIB: u64 = 64 * 1024;

fn zeros(length: u64) -> Body {
    let piece = Bytes::from(vec![0; 64 * 1024]);
    let count = length / piece.len() as u64;
    Body::wrap_stream(stream::iter((0..count).map(move |_| Ok::<_, io::Error>(piece.clone()))))
}

async fn length_of(mut answer: Response) -> u64 {
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        length += chunk.len() as u64;
    }
    length
}

fn last(rack: &DemoRack) -> SeenRequest {
    rack.requests().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_in_little_memory() {
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let process = Process::start(&rack.url(), &[]).await;
    let token = process.person("admin").await.token;
    let client = reqwest::Client::new();
    let url = |path: &str| process.rack_url(path);
    let before = process.memory();

    let upload = client.post(url("/apps/web/objects/tmp/a.tgz")).basic_auth("convox", Some(&token));
    let answer = upload.header("content-length", LARGE).body(zeros(LARGE)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = last(&rack);
    assert_eq!((seen.body_length, seen.header("content-length")), (LARGE, Some(&*LARGE.to_string())));
    assert_eq!(seen.header("transfer-encoding"), None);

    let upload = client.post(url("/apps/web/objects/tmp/b.tgz")).basic_auth("convox", Some(&token));
    let answer = upload.body(zeros(LARGE)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = last(&rack);
    assert_eq!((seen.body_length, seen.header("transfer-encoding")), (LARGE, Some("chunked")));
    assert_eq!(seen.header("content-length"), None);

    // Not an archive, so the rack refuses it, after having read it all.
    let import = client.post(url("/apps/web/builds/import")).basic_auth("convox", Some(&token));
    let answer = import.body(zeros(LARGE / 4)).send().await.unwrap();
    assert_eq!((answer.status(), last(&rack).body_length), (400.try_into().unwrap(), LARGE / 4));

    let path = format!("/apps/web/objects/zeros/{LARGE}");
    let answer = client.get(url(&path)).basic_auth("convox", Some(&token)).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(LARGE));
    assert_eq!(length_of(answer).await, LARGE);

    let grown = process.peak_memory() - before;
    assert!(grown < MAY_GROW_BY_KIB, "grown by {grown} KiB");
    let of = |action: &'static str, key: &'static str, length: u64| {
        process.lines.wait_for(move |record: &Value| record["action"] == action && record[key] == length)
    };
    of("object.create", "bytes_in", LARGE).await;
    of("object.read", "bytes_out", LARGE).await;
    of("build.import", "bytes_in", LARGE / 4).await;
}

#[tokio::test]
async fn an_export_is_chunked_and_comes_back_as_it_was() {
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let process = Process::start(&rack.url(), &[]).await;
    let token = process.person("admin").await.token;
    let client = reqwest::Client::new();
    let export = client.get(process.rack_url("/apps/web/builds/B000000001.tgz"));
    let export = export.basic_auth("convox", Some(&token)).send().await.unwrap();
    assert_eq!(export.headers()["transfer-encoding"], "chunked");
    let file = export.bytes().await.unwrap();
    let direct = client.get(format!("{}/apps/web/builds/B000000001.tgz", rack.url()));
    let direct = direct.basic_auth("convox", Some("rack-password")).send().await.unwrap();
    assert_eq!(file, direct.bytes().await.unwrap());
}
