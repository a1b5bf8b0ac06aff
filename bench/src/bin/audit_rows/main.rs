//! How many audit rows a second the gateway's own writer records durably (committed and synced), with a given number
//! of callers that each wait for their row. Prints one JSON object.

mod writer;

use clap::Parser;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::stats::quantile;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Rows of this first stretch are not counted.
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Args {
    /// Where rows are kept: `sqlite:PATH` or `postgres://…`, an empty database.
    #[arg(long)]
    database: String,
    /// Callers that wait for their row at any time.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    in_flight: u32,
    /// Seconds, the first one for warming up included.
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// Users the rows are spread over, so that the indexes are not written in order.
    #[arg(long, default_value_t = 1000)]
    users: u32,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let writer = Arc::new(writer::Rows::open(&args.database).await?);
    let begin = Instant::now() + WARM_UP;
    let end = begin + Duration::from_secs(args.seconds) - WARM_UP;
    let mut callers = JoinSet::new();
    for caller in 0..args.in_flight {
        callers.spawn(record_until(Arc::clone(&writer), caller, args.users, begin, end));
    }
    let mut latencies = Vec::new();
    while let Some(finished) = callers.join_next().await {
        latencies.extend(finished??);
    }
    print(&mut latencies, end - begin);
    Ok(())
}

/// Latencies of the rows acknowledged between `begin` and `end`.
async fn record_until(
    writer: Arc<writer::Rows>,
    caller: u32,
    users: u32,
    begin: Instant,
    end: Instant,
) -> Outcome<Vec<u64>> {
    let mut latencies = Vec::new();
    // A different odd stride for each caller visits the users in scattered order.
    let mut turn = caller.wrapping_mul(2_654_435_761);
    loop {
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let started = Instant::now();
        writer.record((turn >> 8) % users).await?;
        let now = Instant::now();
        if now >= end {
            return Ok(latencies);
        }
        if now >= begin {
            latencies.push((now - started).as_nanos() as u64);
        }
    }
}

fn print(latencies: &mut [u64], measured: Duration) {
    latencies.sort_unstable();
    let milliseconds = |q| quantile(latencies, q).map(|nanos| nanos as f64 / 1e6);
    let figures = json!({
        "requests": latencies.len(),
        "rows_s": latencies.len() as f64 / measured.as_secs_f64(),
        "p50_ms": milliseconds(0.5),
        "p99_ms": milliseconds(0.99),
    });
    println!("{figures}");
}
