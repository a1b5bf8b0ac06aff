//! Bodies that are meant to fill the gateway's memory.

use crate::support::{
    process::Process,
    wire::{Wire, basic},
};
use flate2::{Compression, write::GzEncoder};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use std::io::Write as _;
use tokio::io::AsyncWriteExt as _;

const MAY_GROW_BY_KIB: u64 = 32 * 1024;
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

async fn gateway() -> (DemoRack, Process, String) {
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let process = Process::start(&rack.url(), &[]).await;
    let token = process.person("admin").await.token;
    (rack, process, token)
}

/// Sends as much of `body` as is taken, and gives the status of the answer.
async fn post(process: &Process, path: &str, headers: &str, body: &[u8]) -> u16 {
    let mut wire = Wire::open(process.address).await;
    wire.send(format!("POST /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{headers}\r\n")).await;
    let _ = wire.stream.write_all(body).await;
    wire.head().await.status()
}

#[tokio::test]
async fn uploads_without_a_token_cost_no_memory() {
    let (rack, process, _) = gateway().await;
    let before = process.memory();
    let address = process.address;
    let all = (0..64).map(|number| {
        let path = if number % 2 == 0 { "/apps/web/objects/tmp/a" } else { "/apps/web/releases" };
        tokio::spawn(async move {
            let mut wire = Wire::open(address).await;
            let head = format!(
                "POST /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1073741824\r\n"
            );
            wire.send(format!("{head}{FORM}\r\n")).await;
            let _ = wire.stream.write_all(&vec![b'a'; 1024 * 1024]).await;
            wire.head().await.status()
        })
    });
    for answer in all.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 401);
    }
    let grown = process.peak_memory() - before;
    assert!(grown < MAY_GROW_BY_KIB, "grown by {grown} KiB");
    assert!(rack.requests().is_empty());
}

/// A form must be read before it can be decided on; beyond the limit it is refused, with a length or without.
#[tokio::test]
async fn a_form_beyond_the_limit_is_refused_while_it_is_read() {
    let (rack, process, token) = gateway().await;
    let before = process.memory();
    let headers = format!("{}{FORM}", basic(&token));
    let announced = format!("{headers}Content-Length: 4000000000\r\n");
    assert_eq!(post(&process, "/apps/web/releases", &announced, b"env=").await, 413);
    let piece = [b"100000\r\n".as_slice(), &vec![b'a'; 0x10_0000], b"\r\n"].concat();
    let chunked = format!("{headers}Transfer-Encoding: chunked\r\n");
    assert_eq!(post(&process, "/apps/web/releases", &chunked, &piece.repeat(16)).await, 413);
    let grown = process.peak_memory() - before;
    assert!(grown < 2 * MAY_GROW_BY_KIB, "grown by {grown} KiB");
    assert!(rack.requests().iter().all(|seen| seen.method == "GET"), "{:?}", rack.requests());
}

/// 64 MiB in 64 KiB. What is compressed is never expanded: a form is refused, an upload passes as it is.
#[tokio::test]
async fn compressed_bodies_are_not_expanded() {
    let (rack, process, token) = gateway().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b'a'; 1024 * 1024]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let before = process.memory();
    let length = format!("Content-Length: {}\r\n", bomb.len());
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, gzip"] {
        let headers = format!("{}{FORM}{length}Content-Encoding: {encoding}\r\n", basic(&token));
        assert_eq!(post(&process, "/apps/web/releases", &headers, &bomb).await, 415, "{encoding}");
    }
    let headers = format!("{}{length}Content-Encoding: gzip\r\n", basic(&token));
    assert_eq!(post(&process, "/apps/web/objects/tmp/a", &headers, &bomb).await, 200);
    assert_eq!(rack.requests().pop().unwrap().body_length, bomb.len() as u64);
    let grown = process.peak_memory() - before;
    assert!(grown < MAY_GROW_BY_KIB, "grown by {grown} KiB");
}
