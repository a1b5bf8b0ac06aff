//! Who loses the right to a stream loses the stream, within seconds.

use crate::support::{
    gateway::TestGateway,
    person::{Person, Until},
    socket::{End, Outcome, Socket},
};
use rack_gateway::core::Timestamp;
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(5);

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
        assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
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
