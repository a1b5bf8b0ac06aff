//! Commands: what they print, what they read, how they exit.

use crate::support::{
    gateway::TestGateway,
    socket::{End, Outcome, PING, PONG, Socket},
};
use rack_gateway::demo::rack::noise;

async fn run(gateway: &TestGateway, token: &str, command: &str) -> Outcome {
    let outcome = Socket::exec(gateway.address(), token, command).await.finish().await;
    assert_eq!(outcome.end, End::Told, "{command}");
    outcome
}

#[tokio::test]
async fn exit_codes_arrive() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    for code in [0, 1, 2, 3, 7, 10, 42, 63, 64, 99, 100, 126, 127, 128, 130, 137, 143, 200, 254, 255] {
        assert_eq!(run(&gateway, &token, &format!("exit {code}")).await.exit, Ok(code));
    }
    for round in 0..20 {
        let outcome = run(&gateway, &token, "echo leaving; exit 7").await;
        assert_eq!((outcome.exit, outcome.output), (Ok(7), b"leaving\n".to_vec()), "round {round}");
    }
}

/// Around the size of the client's buffer a marker is easily split or merged.
#[tokio::test]
async fn output_of_any_size_does_not_hide_the_exit_code() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    for size in (4_046..4_100).step_by(3).chain([1, 1_024, 8_192 - 4, 65_536, 65_537, 3_000_000]) {
        let outcome = run(&gateway, &token, &format!("bytes {size}; exit 7")).await;
        assert_eq!(outcome.exit, Ok(7), "{size} bytes");
        assert!(outcome.output == noise(size), "{size} bytes, {} came", outcome.output.len());
    }
}

#[tokio::test]
async fn input_that_is_no_text_comes_back_as_it_was() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let input = noise(1_000_000);
    let outcome = Socket::exec(gateway.address(), &token, "cat").await.converse(&input).await;
    assert_eq!(outcome.exit, Ok(0));
    assert!(outcome.output == input, "{} bytes came back", outcome.output.len());
}

#[tokio::test]
async fn a_commands_pings_are_answered_by_the_rack() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let mut socket = Socket::exec(gateway.address(), &token, "cat").await;
    socket.send(PING, b"are you there").await;
    let frame = socket.frame().await.unwrap();
    assert_eq!((frame.opcode, frame.payload), (PONG, b"are you there".to_vec()));
    socket.end_input().await;
    assert_eq!(socket.finish().await.exit, Ok(0));
}

#[tokio::test]
async fn the_racks_own_words_about_an_unknown_process_pass() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let request = crate::support::socket::handshake(
        &token,
        "/apps/web/processes/nopid/exec",
        "Command: echo hi\r\nTty: false\r\n",
    );
    let outcome = Socket::open(gateway.address(), &request).await.finish().await;
    assert_eq!((outcome.exit.clone(), outcome.text().as_str()), (Ok(1), "ERROR: no such process: nopid\n"));
    let record = gateway.lines.wait_for(|record| record["resource"] == "nopid").await;
    assert_eq!((&record["exit_code"], &record["rbac_decision"]), (&1.into(), &"allow".into()));
}

/// The rack keeps its side open for seconds after the end; the gateway must not wait for it.
#[tokio::test]
async fn many_commands_leave_no_sockets() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let all = (0..20).map(|number| {
        let (address, token) = (gateway.address(), token.clone());
        tokio::spawn(async move {
            Socket::exec(address, &token, &format!("seq 2000; exit {number}")).await.finish().await
        })
    });
    for (number, outcome) in all.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(outcome.await.unwrap().exit, Ok(number as i32));
    }
    gateway.until_no_sockets().await;
}

/// Options travel in headers, and a command is bytes, not only ASCII.
#[tokio::test]
async fn options_reach_the_rack_as_they_were() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let long = "x".repeat(20_000);
    let command = format!("echo häßlich 日本 {long}");
    let headers = format!("Command: {command}\r\nTty: true\r\nHeight: 24\r\nWidth: 80\r\n");
    let request = crate::support::socket::handshake(&token, "/apps/web/processes/worker/exec", &headers);
    let outcome = Socket::open(gateway.address(), &request).await.finish().await;
    assert_eq!(outcome.text(), format!("häßlich 日本 {long}\n"));
    let seen = gateway.rack.requests().pop().unwrap();
    for (name, value) in [("command", command.as_str()), ("tty", "true"), ("height", "24"), ("width", "80")] {
        assert_eq!(seen.header(name), Some(value));
    }
    assert_eq!(seen.header("origin"), None);
    assert!(seen.header("convox-actor").unwrap().ends_with("@example.com"));
}
