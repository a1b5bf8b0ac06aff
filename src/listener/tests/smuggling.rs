//! The corpus of requests that servers read differently.

use super::*;
use futures_util::future::join_all;

#[path = "../../../tests/it/smuggling_corpus.rs"]
mod corpus;
use corpus::{CORPUS, Expect};

const QUIET: Duration = Duration::from_millis(600);

struct Outcome {
    reply: String,
    /// The listener closed without being asked to.
    closed: bool,
    seen: Vec<Seen>,
}

/// Sends the payload in `pieces`, and then nothing more. What must come is waited for; that nothing more comes is
/// believed after a while.
async fn outcome(payload: &[u8], pieces: usize, expect: Expect) -> Outcome {
    let mut rig = rig(limits()).await;
    let (mut reader, mut writer) = connect(&rig).await.into_split();
    let mut reply = Vec::new();
    let write = async {
        for piece in payload.chunks(payload.len().div_ceil(pieces)) {
            if writer.write_all(piece).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(if pieces > 1 { 15 } else { 0 })).await;
        }
    };
    let read = async {
        loop {
            let is_missing = match expect {
                Expect::Requests(count) => answered(&reply) < count,
                Expect::Refused | Expect::OneThenRefused => true,
                Expect::Broken => false,
            };
            let patience = if is_missing { PATIENCE } else { QUIET };
            match timeout(patience, reader.read_buf(&mut reply)).await {
                Ok(Ok(1..)) => {}
                ended => return ended.is_ok(),
            }
        }
    };
    let ((), closed) = tokio::join!(write, read);
    drop(writer);
    reply.extend(to_end(&mut reader).await.into_bytes());
    let mut seen = Vec::new();
    let expected = match expect {
        Expect::Requests(count) => count,
        Expect::Refused => 0,
        Expect::Broken | Expect::OneThenRefused => 1,
    };
    while seen.len() < expected
        && let Ok(Some(one)) = timeout(PATIENCE, rig.seen.recv()).await
    {
        seen.push(one);
    }
    seen.extend(std::iter::from_fn(|| rig.seen.try_recv().ok()));
    Outcome { reply: String::from_utf8_lossy(&reply).into_owned(), closed, seen }
}

fn answered(reply: &[u8]) -> usize {
    String::from_utf8_lossy(reply).matches("\r\n\r\nok").count()
}

fn check(name: &str, expect: Expect, outcome: &Outcome) -> Result<(), String> {
    let Outcome { reply, closed, seen } = outcome;
    let whole = seen.iter().filter(|(_, whole)| *whole).count();
    let good = reply.matches("HTTP/1.1 200 ").count() + reply.matches("HTTP/1.0 200 ").count();
    let last_refuses = reply.rfind("HTTP/1.").is_none_or(|at| reply[at + 9..].starts_with('4'));
    let right = match expect {
        Expect::Requests(count) => seen.len() == count && whole == count && good == count,
        Expect::Refused => seen.is_empty() && good == 0 && last_refuses && *closed,
        Expect::Broken => seen.len() == 1 && whole == 0,
        Expect::OneThenRefused => whole == 1 && seen.len() == 1 && good == 1 && last_refuses && *closed,
    };
    right
        .then_some(())
        .ok_or_else(|| format!("{name}: {expect:?}, but seen {seen:?}, closed {closed}, reply {reply:?}"))
}

async fn run(pieces: usize) {
    let long = corpus::long();
    let long = long.iter().map(|(name, payload, expect)| (*name, payload.as_slice(), *expect));
    let all: Vec<_> = CORPUS.iter().copied().chain(long).collect();
    assert!(all.len() >= 60);
    let runs = all.iter().map(|(name, payload, expect)| async move {
        check(name, *expect, &outcome(payload, pieces, *expect).await)
    });
    let wrong: Vec<_> = join_all(runs).await.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn corpus_in_one_piece() {
    run(1).await;
}

#[tokio::test]
async fn corpus_in_pieces() {
    run(7).await;
}

#[tokio::test]
async fn refusals_say_why_and_close() {
    let rig = rig(limits()).await;
    let reply = to_end(&mut send(&rig, b"GET /admin#/public HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{reply}");
    assert!(reply.contains("connection: close\r\n"), "{reply}");
    assert!(reply.ends_with(r#"{"error":"the request target must not contain '#'"}"#), "{reply}");
    let reply = to_end(&mut send(&rig, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.1 405 ") && reply.contains("allow: GET"), "{reply}");
    let cookies = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "Cookie: c=x\r\n".repeat(30_000));
    let reply = to_end(&mut send(&rig, cookies.as_bytes()).await).await;
    assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
}

/// 4 MB of headers that never end on each of eight connections: 431 long before they are read in.
#[tokio::test]
async fn a_flood_of_headers_is_not_kept() {
    let rig = rig(limits()).await;
    let flood = "Cookie: c=".to_owned() + &"x".repeat(4 << 20);
    let floods = (0..8).map(|_| async {
        let (mut reader, mut writer) = connect(&rig).await.into_split();
        let write = async {
            let _ = writer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await;
            let _ = writer.write_all(flood.as_bytes()).await;
        };
        tokio::join!(write, to_end(&mut reader)).1
    });
    for reply in join_all(floods).await {
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
    }
}

/// What rides behind an upgrade that was not granted is an ordinary request, not part of a tunnel.
#[tokio::test]
async fn bytes_behind_a_refused_upgrade() {
    let mut rig = rig(limits()).await;
    let both = b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nGET /2#x HTTP/1.1\r\nHost: a\r\n\r\n";
    let reply = to_end(&mut send(&rig, both).await).await;
    assert!(reply.contains("HTTP/1.1 400 "), "{reply}");
    assert_eq!(rig.next_seen().await.0, "/1");
    assert!(rig.seen.try_recv().is_err());
}
