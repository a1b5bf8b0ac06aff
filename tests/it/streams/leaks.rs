//! What ended is gone: no socket, no gauge, no file descriptor stays behind.

use crate::support::{process::Process, socket::Socket, wire::SOON};
use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn until(process: &Process, series: &str, wanted: f64) {
    let started = Instant::now();
    loop {
        let value = process.metric(series).await;
        if (value - wanted).abs() < 0.5 {
            return;
        }
        assert!(started.elapsed() < SOON, "{series} is {value} and not {wanted}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn streams_that_have_ended_leave_nothing_behind() {
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let process = Process::start(&rack.url(), &[]).await;
    let token = process.person("ops").await.token;
    const LOGS: &str = "gateway_tunnels_open{kind=\"logs\"}";
    const COMMANDS: &str = "gateway_tunnels_open{kind=\"exec\"}";
    let files = process.metric("process_open_fds").await;

    let (mut logs, mut commands) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        logs.push(Socket::logs(process.address, &token).await);
        commands.push(Socket::exec(process.address, &token, "cat").await);
    }
    until(&process, LOGS, 30.0).await;
    until(&process, COMMANDS, 30.0).await;
    // Two sockets for each stream; a few of the first count were connections that have closed since.
    assert!(process.metric("process_open_fds").await >= files + 100.0);

    for (number, socket) in logs.into_iter().enumerate() {
        if number % 2 == 0 {
            socket.stream.set_zero_linger().unwrap();
        }
    }
    for mut socket in commands {
        socket.end_input().await;
        assert_eq!(socket.finish().await.exit, Ok(0));
    }
    until(&process, LOGS, 0.0).await;
    until(&process, COMMANDS, 0.0).await;
    let started = Instant::now();
    while process.metric("process_open_fds").await > files + 10.0 || rack.open_sockets() > 0 {
        assert!(started.elapsed() < SOON, "{} at the rack", rack.open_sockets());
        sleep(Duration::from_millis(50)).await;
    }
    let ended = "gateway_tunnels_total{kind=\"exec\",ended_by=\"rack\"}";
    assert!(process.metric(ended).await >= 30.0, "{}", process.metrics().await);
}
