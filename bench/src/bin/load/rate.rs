//! A fixed rate on an open loop. One blocking thread a connection: a thread's sleep is exact to some microseconds,
//! an async timer only to a millisecond.

use crate::{Target, authorizations};
use clap::Args;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::client::{Connection, request_bytes};
use rack_gateway_bench::stats::quantile;
use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Latencies of this first stretch are thrown away: connections are being opened.
const WARM_UP: Duration = Duration::from_secs(1);
const START_DELAY: Duration = Duration::from_millis(50);

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value = "GET")]
    method: String,
    /// Bytes of the request's body.
    #[arg(long, default_value_t = 0)]
    body: usize,
    /// Requests a second, over all connections.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// Seconds, the first one for warming up included.
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
}

#[derive(Default)]
struct Tally {
    sent: u64,
    errors: u64,
    latencies: Vec<u64>,
    first_error: Option<String>,
}

pub fn run(plan: &Plan) -> Outcome<Value> {
    sleep_exactly()?;
    let requests = requests(plan)?;
    let begin = Instant::now() + START_DELAY;
    let tally = thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.connections)
            .map(|index| {
                scope.spawn({
                    let requests = &requests;
                    move || keep_pace(plan, requests, index, begin)
                })
            })
            .collect();
        let mut all = Tally::default();
        for thread in threads {
            all.add(thread.join().map_err(|_| "a load thread panicked")?);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(all)
    })?;
    Ok(figures(tally, begin.elapsed()))
}

/// Asks the kernel to wake sleepers of this process (and threads made later) on time instead of 50 µs late.
fn sleep_exactly() -> Outcome<()> {
    Ok(fs::write("/proc/self/timerslack_ns", "1").map_err(|error| format!("timerslack_ns: {error}"))?)
}

fn requests(plan: &Plan) -> Outcome<Vec<Vec<u8>>> {
    let body = vec![b'x'; plan.body];
    let make = |authorization: &String| {
        let headers = [("Authorization", authorization.as_str()), ("Accept", "*/*")];
        request_bytes(&plan.method, &plan.target.address, &plan.target.path, &headers, &body)
    };
    Ok(authorizations(&plan.target.headers)?.iter().map(make).collect())
}

/// Connection `index` sends every `connections`-th request of the common timetable.
fn keep_pace(plan: &Plan, requests: &[Vec<u8>], index: u32, begin: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    let total = u64::from(plan.rate) * plan.seconds;
    let numbers = (u64::from(index)..total).step_by(plan.connections as usize);
    for (number, request) in numbers.zip(requests.iter().cycle().skip(index as usize % requests.len().max(1)))
    {
        let offset = Duration::from_nanos(number * 1_000_000_000 / u64::from(plan.rate));
        let due = begin + offset;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        tally.sent += 1;
        match send(&mut connection, &plan.target.address, request) {
            Ok(()) if offset >= WARM_UP => tally.latencies.push(due.elapsed().as_nanos() as u64),
            Ok(()) => {}
            Err(error) => {
                connection = None;
                tally.errors += 1;
                tally.first_error.get_or_insert(error.to_string());
            }
        }
    }
    tally
}

fn send(connection: &mut Option<Connection>, address: &str, request: &[u8]) -> Outcome<()> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(address)?),
    };
    match open.exchange(request)? {
        200..=299 => Ok(()),
        status => Err(format!("answered {status}").into()),
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.errors += other.errors;
        self.latencies.extend(other.latencies);
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

fn figures(mut tally: Tally, elapsed: Duration) -> Value {
    if let Some(error) = &tally.first_error {
        eprintln!("load: {} of {} requests failed, the first: {error}", tally.errors, tally.sent);
    }
    tally.latencies.sort_unstable();
    let milliseconds = |q| quantile(&tally.latencies, q).map(|nanos| nanos as f64 / 1e6);
    json!({
        "requests": tally.sent,
        "errors": tally.errors,
        "rps": tally.sent as f64 / elapsed.as_secs_f64(),
        "p50_ms": milliseconds(0.5),
        "p99_ms": milliseconds(0.99),
        "p999_ms": milliseconds(0.999),
    })
}
