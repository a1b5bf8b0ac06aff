//! Sides that go away without a word, and a rack that breaks the protocol.

use crate::support::{
    fake_rack::{FakeRack, Visit},
    gateway::TestGateway,
    socket::{BINARY, End, MARKER, Outcome, Socket, TEXT, unmasked},
};
use std::time::Duration;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::sleep};

#[tokio::test]
async fn a_client_that_is_reset_takes_its_stream_with_it() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let mut command = Socket::exec(gateway.address(), &token, "echo started; sleep 60").await;
    command.read_until("started").await;
    let mut log = Socket::logs(gateway.address(), &token).await;
    log.read_until("GET").await;
    assert_eq!(gateway.rack.open_sockets(), 2);
    for socket in [command, log] {
        socket.stream.set_zero_linger().unwrap();
        drop(socket);
    }
    gateway.until_no_sockets().await;
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert!(record["exit_code"].is_null(), "{record}");
}

/// How a command ends for its user when the rack's side of the stream does this.
async fn command_on<F, Fut>(rack: F) -> (TestGateway, Outcome)
where
    F: Fn(TcpStream) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let fake = FakeRack::start(move |visit: Visit| {
        let rack = rack.clone();
        async move { rack(visit.accept_socket().await).await }
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &fake.url())]).await;
    let token = gateway.token("ops").await;
    let outcome = Socket::exec(gateway.address(), &token, "id").await.finish().await;
    (gateway, outcome)
}

fn assert_lost(outcome: &Outcome, printed: &str) {
    assert_eq!((&outcome.exit, outcome.end), (&Ok(1), End::Told), "{}", outcome.text());
    assert_eq!(outcome.text(), format!("{printed}ERROR: connection to the rack was lost\n"));
}

#[tokio::test]
async fn a_rack_that_vanishes_makes_the_command_fail() {
    let (gateway, outcome) = command_on(|mut rack| async move {
        rack.write_all(&unmasked(TEXT, b"half of it\n")).await.unwrap();
        sleep(Duration::from_millis(50)).await;
    })
    .await;
    assert_lost(&outcome, "half of it\n");
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert_eq!(record["reason"], "connection to the rack was lost");
    assert!(record["exit_code"].is_null(), "{record}");
}

#[tokio::test]
async fn a_rack_that_resets_makes_the_command_fail() {
    let (_gateway, outcome) = command_on(|mut rack| async move {
        rack.write_all(&unmasked(TEXT, b"half of it\n")).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        rack.set_zero_linger().unwrap();
    })
    .await;
    assert_lost(&outcome, "half of it\n");
}

/// A frame that was only begun is not shown, and what follows it is not taken for its rest.
#[tokio::test]
async fn a_rack_that_vanishes_inside_a_frame_makes_the_command_fail() {
    let (_gateway, outcome) = command_on(|mut rack| async move {
        rack.write_all(&unmasked(TEXT, b"whole\n")).await.unwrap();
        rack.write_all(&unmasked(TEXT, b"not whole\n")[..6]).await.unwrap();
        sleep(Duration::from_millis(50)).await;
    })
    .await;
    assert_lost(&outcome, "whole\n");
}

#[tokio::test]
async fn a_rack_that_drips_its_bytes_keeps_the_exit_code() {
    let (_gateway, outcome) = command_on(|mut rack| async move {
        rack.set_nodelay(true).unwrap();
        let marker = unmasked(TEXT, format!("{MARKER}7\n").as_bytes());
        for byte in [unmasked(TEXT, b"slow\n"), marker, unmasked(BINARY, b"")].concat() {
            rack.write_all(&[byte]).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_secs(3)).await;
    })
    .await;
    assert_eq!((outcome.exit.clone(), outcome.text().as_str()), (Ok(7), "slow\n"));
}

#[tokio::test]
async fn a_rack_that_breaks_the_protocol_makes_the_command_fail() {
    let (gateway, outcome) = command_on(|mut rack| async move {
        rack.write_all(b"\xF1\x05HTTP?").await.unwrap();
        sleep(Duration::from_secs(3)).await;
    })
    .await;
    assert_eq!((&outcome.exit, outcome.end), (&Ok(1), End::Closed), "{}", outcome.text());
    assert!(outcome.text().contains("ERROR: the rack broke the websocket protocol"), "{}", outcome.text());
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert!(record["reason"].as_str().unwrap().contains("websocket protocol"), "{record}");
}
