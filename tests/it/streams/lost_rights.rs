//! Who loses the right to a stream loses the stream, within seconds.

use crate::support::{
    fake_rack::FakeRack,
    gateway::TestGateway,
    person::{Person, Until},
    socket::{End, Outcome, Socket},
    wire::SOON,
};
use bytes::Bytes;
use futures_util::stream;
use rack_gateway::core::Timestamp;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::io::AsyncReadExt as _;

struct Running {
    command: Socket,
    log: Socket,
}

impl Running {
    async fn start(gateway: &TestGateway, person: &Person) -> Self {
        let mut command = Socket::exec(gateway.address(), &person.token, "echo started; sleep 60").await;
        command.read_until("started").await;
        let mut log = Socket::logs(gateway.address(), &person.token).await;
        log.read_until("GET").await;
        Self { command, log }
    }

    async fn cut(self, reason: &str) {
        let started = Instant::now();
        let (command, log) = tokio::join!(self.command.finish(), self.log.finish());
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
        assert_eq!((&command.exit, command.end), (&Ok(1), End::Told));
        for Outcome { output, .. } in [command, log] {
            let text = String::from_utf8_lossy(&output).into_owned();
            assert!(text.contains("ERROR: ") && text.contains(reason), "{text}");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams_and_no_others() {
    let gateway = TestGateway::start().await;
    let (revoked, other) = (gateway.person("ops").await, gateway.person("ops").await);
    let running = Running::start(&gateway, &revoked).await;
    let mut untouched = Socket::exec(gateway.address(), &other.token, "echo started; sleep 1; exit 7").await;
    untouched.read_until("started").await;
    gateway.db.revoke_token(revoked.token_id, gateway.clock.now()).await.unwrap();
    running.cut("your access was withdrawn").await;
    assert_eq!(untouched.finish().await.exit, Ok(7));
    gateway.until_no_sockets().await;
    let record = gateway.lines.wait_for(|record| record["action"] == "log.read").await;
    assert!(record["reason"].as_str().unwrap().contains("withdrawn"), "{record}");
}

#[tokio::test]
async fn a_locked_user_loses_their_streams() {
    let gateway = TestGateway::start().await;
    let person = gateway.person("ops").await;
    let running = Running::start(&gateway, &person).await;
    gateway.db.set_user_lock(&person.email, Some((gateway.clock.now(), "left"))).await.unwrap();
    running.cut("your access was withdrawn").await;
}

#[tokio::test]
async fn a_removed_grant_ends_what_it_allowed() {
    let gateway = TestGateway::start().await;
    let person = gateway.person("ops").await;
    let running = Running::start(&gateway, &person).await;
    gateway.db.remove_grant(person.grant).await.unwrap();
    running.cut("you lost the permission").await;
}

/// Tokens and grants end by the clock, without anybody writing anything.
#[tokio::test]
async fn what_was_given_for_a_time_ends_with_it() {
    let gateway = TestGateway::start().await;
    let end = Timestamp::from_micros(gateway.clock.now().as_micros() + 3_000_000);
    let by_token = gateway.person_until("ops", Until { token: Some(end), grant: None }).await;
    let by_grant = gateway.person_until("ops", Until { token: None, grant: Some(end) }).await;
    let (token, grant) =
        tokio::join!(Running::start(&gateway, &by_token), Running::start(&gateway, &by_grant));
    let left = end.as_micros() - gateway.clock.now().as_micros();
    tokio::time::sleep(Duration::from_micros(left.max(0).unsigned_abs())).await;
    tokio::join!(token.cut("your access was withdrawn"), grant.cut("you lost the permission"));
}

/// What runs goes on when the database is away; nothing new begins.
#[tokio::test]
async fn a_database_that_is_away_cuts_nothing() {
    let gateway = TestGateway::start().await;
    let person = gateway.person("ops").await;
    let mut shell = Socket::exec(gateway.address(), &person.token, "sh").await;
    shell.send(1, b"echo one\n").await;
    shell.read_until("one").await;
    gateway.db.close().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let refused = reqwest::Client::new().get(gateway.rack_url("/apps")).bearer_auth(&person.token);
    assert_eq!(refused.send().await.unwrap().status(), 503);
    shell.send(1, b"echo two; exit 3\n").await;
    shell.read_until("two").await;
    assert_eq!(shell.finish().await.exit, Ok(3));
}

/// An upload that flows, and one that stands still because the rack does not read.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_with_the_right_to_it() {
    let stalled = FakeRack::start(|mut visit| async move {
        visit.wire.try_head().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let reading = FakeRack::start(|mut visit| async move {
        visit.request().await;
    })
    .await;
    for rack in [&stalled, &reading] {
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let (revoked, other) = (gateway.person("deployer").await, gateway.person("deployer").await);
        let upload = |token: &str| {
            let request = gateway.call(token, "POST /apps/web/objects/tmp/a.tgz");
            tokio::spawn(request.body(endless()).send())
        };
        let (sending, kept) = (upload(&revoked.token), upload(&other.token));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!sending.is_finished() && !kept.is_finished());
        gateway.db.revoke_token(revoked.token_id, gateway.clock.now()).await.unwrap();
        let ended = tokio::time::timeout(SOON, sending).await.expect("it runs on").unwrap();
        // The connection may break before the answer is read.
        if let Ok(answer) = ended {
            assert_eq!(answer.status(), 403);
            let text = answer.text().await.unwrap();
            assert!(text.contains("your access was withdrawn"), "{text}");
        }
        let record = gateway
            .lines
            .wait_for(|record| record["action"] == "object.create" && record["http_status"] == 403);
        assert!(record.await["reason"].as_str().unwrap().contains("your access was withdrawn"));
        assert!(!kept.is_finished(), "others go on");
        kept.abort();
    }
}

/// What a rack answers before it has read all does not set the rest of the upload free.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_answered_early_ends_too() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    let rack = FakeRack::start(move |mut visit| {
        let counter = counter.clone();
        async move {
            visit.wire.try_head().await;
            visit.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n").await;
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = visit.wire.stream.read(&mut buffer).await {
                counter.fetch_add(length as u64, Ordering::SeqCst);
            }
        }
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let person = gateway.person("deployer").await;
    let request = gateway.call(&person.token, "POST /apps/web/objects/tmp/a.tgz").body(endless());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let reading = tokio::spawn(answer.bytes());
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.db.revoke_token(person.token_id, gateway.clock.now()).await.unwrap();
    let ended = tokio::time::timeout(SOON, reading).await.expect("it runs on").unwrap();
    assert!(ended.is_err(), "the answer breaks off");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let at_the_end = seen.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(seen.load(Ordering::SeqCst), at_the_end, "the rack still gets bytes");
}

fn endless() -> reqwest::Body {
    reqwest::Body::wrap_stream(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(&[7; 16 * 1024])), ()))
    }))
}
