//! Idle connections: after one answered request, or as WebSocket tunnels, and the memory each costs.

use crate::{Target, authorizations};
use clap::{Args, ValueEnum};
use rack_gateway_bench::Outcome;
use rack_gateway_bench::client::{Answer, Head, request_bytes};
use rack_gateway_bench::proc::Tree;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections opened and closed first, so that what the process keeps for good is not counted.
const WARM_UP: usize = 64;
/// Connections being opened at one time.
const OPENING: usize = 64;
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
const WEBSOCKET: &[(&str, &str)] = &[
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    KeepAlive,
    Tunnel,
}

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    target: Target,
    #[arg(long, value_enum)]
    kind: Kind,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    connections: u32,
    /// Processes (with their descendants) whose memory is read; repeatable.
    #[arg(long = "pid", required = true)]
    pids: Vec<u32>,
    /// Seconds of silence before memory is read.
    #[arg(long, default_value_t = 2)]
    settle: u64,
}

pub fn run(plan: &Plan) -> Outcome<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(plan))
}

async fn measure(plan: &Plan) -> Outcome<Value> {
    let tree = Tree::find(&plan.pids)?;
    let requests = requests(plan)?;
    drop(open(plan, &requests, WARM_UP).await?);
    sleep(Duration::from_secs(plan.settle)).await;
    let before = tree.rss_kib()?;
    let connections = open(plan, &requests, plan.connections as usize).await?;
    sleep(Duration::from_secs(plan.settle)).await;
    let after = tree.rss_kib()?;
    let alive = connections.iter().filter(|connection| is_open(connection)).count();
    if alive * 100 < connections.len() * 99 {
        return Err(format!(
            "only {alive} of {} connections were open when memory was read",
            connections.len()
        )
        .into());
    }
    Ok(json!({
        "opened": alive,
        "rss_before_mib": before as f64 / 1024.0,
        "rss_after_mib": after as f64 / 1024.0,
        "kib_each": after.saturating_sub(before) as f64 / alive as f64,
    }))
}

fn requests(plan: &Plan) -> Outcome<Vec<Vec<u8>>> {
    let extra = if plan.kind == Kind::Tunnel { WEBSOCKET } else { &[] };
    let make = |authorization: &String| {
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(extra);
        request_bytes("GET", &plan.target.address, &plan.target.path, &headers, b"")
    };
    Ok(authorizations(&plan.target.headers)?.iter().map(make).collect())
}

async fn open(plan: &Plan, requests: &[Vec<u8>], count: usize) -> Outcome<Vec<TcpStream>> {
    let mut opening = JoinSet::new();
    let mut connections = Vec::with_capacity(count);
    for request in requests.iter().cycle().take(count) {
        if opening.len() == OPENING {
            keep(&mut connections, opening.join_next().await)?;
        }
        let (address, request, kind) = (plan.target.address.clone(), request.clone(), plan.kind);
        opening.spawn(async move {
            timeout(OPEN_TIMEOUT, connect(&address, &request, kind)).await.map_err(|_| "no answer in 10 s")?
        });
    }
    while let Some(finished) = opening.join_next().await {
        keep(&mut connections, Some(finished))?;
    }
    Ok(connections)
}

type Opened = Result<Outcome<TcpStream>, tokio::task::JoinError>;

fn keep(connections: &mut Vec<TcpStream>, finished: Option<Opened>) -> Outcome<()> {
    if let Some(finished) = finished {
        let stream = finished?.map_err(|error| format!("connection {}: {error}", connections.len() + 1))?;
        connections.push(stream);
    }
    Ok(())
}

async fn connect(address: &str, request: &[u8], kind: Kind) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let status = match kind {
        Kind::KeepAlive => answered(&mut stream).await?,
        Kind::Tunnel => upgraded(&mut stream).await?,
    };
    match (kind, status) {
        (Kind::KeepAlive, 200) | (Kind::Tunnel, 101) => Ok(stream),
        (_, status) => Err(format!("answered {status}").into()),
    }
}

async fn answered(stream: &mut TcpStream) -> Outcome<u16> {
    let mut answer = Answer::default();
    let mut buffer = [0; 4096];
    loop {
        let count = read(stream, &mut buffer).await?;
        if let Some(status) = answer.push(buffer.get(..count).unwrap_or_default())? {
            return Ok(status);
        }
    }
}

async fn upgraded(stream: &mut TcpStream) -> Outcome<u16> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = read(stream, &mut buffer).await?;
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(head) = Head::parse(&bytes)? {
            return Ok(head.status);
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Outcome<usize> {
    match stream.read(buffer).await? {
        0 => Err("closed before the answer was whole".into()),
        count => Ok(count),
    }
}

/// Open connections have nothing to read, or a ping.
fn is_open(stream: &TcpStream) -> bool {
    let mut buffer = [0; 256];
    match stream.try_read(&mut buffer) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}
