//! A gateway that stops ends its streams in words that their clients understand.

use crate::support::{
    gateway::TestGateway,
    socket::{End, Socket},
};
use rack_gateway::core::drain::Drained;

#[tokio::test]
async fn a_drain_ends_commands_and_logs_with_the_reason() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let mut command = Socket::exec(gateway.address(), &token, "echo started; sleep 60").await;
    command.read_until("started").await;
    let mut log = Socket::logs(gateway.address(), &token).await;
    log.read_until("GET").await;
    let lines = gateway.lines.clone();

    let (stopped, command, log) = tokio::join!(gateway.stop(), command.finish(), log.finish());
    assert_eq!((stopped.drained, stopped.recorded), (Drained::Finished, true));
    assert_eq!((command.exit.clone(), command.end), (Ok(1), End::Told));
    assert!(command.text().contains("ERROR: the gateway is going down"), "{}", command.text());
    assert!(log.text().contains("ERROR: the gateway is going down"), "{}", log.text());
    assert_eq!(log.end, End::Told);
    for action in ["process.exec", "log.read"] {
        let record = lines.wait_for(|record| record["action"] == action).await;
        assert!(record["reason"].as_str().unwrap().starts_with("ended by the gateway"), "{record}");
    }
}
