//! An upstream with bad manners, in front of which bodies must still find their own readers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Serves until the test's runtime ends. The app's name in the path says how:
///
/// `whole-…` as one should · `early-…` answers before the body is read, and closes · `close-…` answers and closes
/// without a word · `cut-…` closes inside its answer · `slow-…` takes its time
///
/// Every answer is `<target> <actor>`.
pub struct Upstream {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
        Self { address, heads }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came in, a request line with its headers each; bytes that are no request stand here as they came.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = read.drain(..at + 4).collect();
                break String::from_utf8_lossy(&head).into_owned();
            }
            let Ok(1..) = stream.read_buf(&mut read).await else {
                if !read.is_empty() {
                    seen.lock().unwrap().push(String::from_utf8_lossy(&read).into_owned());
                }
                return;
            };
        };
        seen.lock().unwrap().push(head.clone());
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let manner = target.trim_start_matches("/apps/").split('-').next().unwrap_or_default();
        let actor = header(&head, "convox-actor").unwrap_or_default();
        let body = format!("{target} {actor}");
        if manner != "early" && !drain(&mut stream, &mut read, &head).await {
            return;
        }
        if manner == "slow" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let missing = if manner == "cut" { 10 } else { 0 };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + missing);
        if stream.write_all(answer.as_bytes()).await.is_err() || matches!(manner, "early" | "close" | "cut") {
            return;
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Reads the request's body, which has a length or is chunked without extensions; false when it does not come.
async fn drain(stream: &mut TcpStream, read: &mut Vec<u8>, head: &str) -> bool {
    let chunked = header(head, "transfer-encoding").is_some();
    let length: usize = header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    loop {
        if chunked && let Some(end) = read.windows(5).position(|window| window == b"0\r\n\r\n") {
            read.drain(..end + 5);
            return true;
        }
        if !chunked && read.len() >= length {
            read.drain(..length);
            return true;
        }
        let Ok(1..) = stream.read_buf(read).await else { return false };
    }
}
