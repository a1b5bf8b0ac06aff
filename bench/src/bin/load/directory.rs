//! A full directory of services: many instances, heartbeats at a fixed rate, and watchers that measure how late they
//! hear of changes.

use crate::{Target, authorizations};
use clap::Args;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::client::{Connection, request_bytes};
use rack_gateway_bench::stats::quantile;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Connections that register and send heartbeats.
const SENDERS: u32 = 16;
/// Changes a second whose way to the watchers is measured.
const CHANGES: u32 = 10;
/// Before each time in the text of an event.
const MARK: &[u8] = b"\"details\":\"at ";

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 10_000)]
    instances: u32,
    /// Heartbeats a second.
    #[arg(long, default_value_t = 1_000)]
    beats: u32,
    #[arg(long, default_value_t = 100)]
    watchers: u32,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

#[derive(Clone)]
struct Client {
    address: String,
    path: String,
    authorization: String,
    started: Instant,
}

#[derive(Default)]
struct Tally {
    sent: u64,
    errors: u64,
    first_error: Option<String>,
}

pub fn run(plan: &Plan) -> Outcome<Value> {
    let authorization = authorizations(&plan.target.headers)?.into_iter().next().unwrap_or_default();
    let (address, path) = (plan.target.address.clone(), plan.target.path.clone());
    let client = Client { address, path, authorization, started: Instant::now() };

    let began = Instant::now();
    let registered = each_sender(&client, |client, sender| client.register(sender, plan.instances));
    let register_s = began.elapsed().as_secs_f64();

    let stop = Arc::new(AtomicBool::new(false));
    let watching = (0..plan.watchers).map(|_| client.watch(stop.clone())).collect::<Outcome<Vec<_>>>()?;
    let changing = {
        let (client, seconds) = (client.clone(), plan.seconds);
        spawn(move || client.change(seconds))
    };
    let began = Instant::now();
    let beaten = each_sender(&client, |client, sender| client.beat(sender, plan));
    let elapsed = began.elapsed().as_secs_f64();
    let changed = changing.join().unwrap_or_default();
    sleep(Duration::from_secs(1));
    stop.store(true, Ordering::Relaxed);
    let mut delays: Vec<u64> = watching.into_iter().flat_map(|one| one.join().unwrap_or_default()).collect();
    delays.sort_unstable();

    let tallies = [registered, beaten, changed];
    for first in tallies.iter().filter_map(|tally| tally.first_error.as_ref()) {
        eprintln!("load: {first}");
    }
    let milliseconds = |q| quantile(&delays, q).map(|micros| micros as f64 / 1e3);
    let [registered, beaten, changed] = tallies;
    Ok(json!({
        "requests": registered.sent + beaten.sent + changed.sent,
        "errors": registered.errors + beaten.errors + changed.errors,
        "register_s": register_s,
        "rps": beaten.sent as f64 / elapsed,
        "events": delays.len(),
        "p50_ms": milliseconds(0.5),
        "p99_ms": milliseconds(0.99),
        "p999_ms": milliseconds(0.999),
    }))
}

fn each_sender(client: &Client, work: impl Fn(&Client, u32) -> Tally + Sync) -> Tally {
    std::thread::scope(|scope| {
        let work = &work;
        let senders: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || work(client, sender))).collect();
        let mut all = Tally::default();
        for one in senders.into_iter().filter_map(|sender| sender.join().ok()) {
            all.sent += one.sent;
            all.errors += one.errors;
            all.first_error = all.first_error.or(one.first_error);
        }
        all
    })
}

impl Client {
    fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("{}{path}", self.path);
        request_bytes(
            method,
            &self.address,
            &path,
            &[("Authorization", &self.authorization)],
            body.as_bytes(),
        )
    }

    fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// A hundred instances to a service, each good for a minute.
    fn register(&self, sender: u32, instances: u32) -> Tally {
        let mut line = Line::new(&self.address);
        for index in (sender..instances).step_by(SENDERS as usize) {
            let body = json!({
                "id": format!("inst_{index}"), "slug": format!("bench-{}", index / 100),
                "url": format!("http://10.{}.{}.{}:8080", index >> 16, (index >> 8) & 255, index & 255),
                "ttl": 60, "check": { "type": "ttl" },
            });
            line.send(&self.request("PUT", "/instance", &body));
        }
        line.tally
    }

    /// Its share of the heartbeats, each when it is due.
    fn beat(&self, sender: u32, plan: &Plan) -> Tally {
        let mut line = Line::new(&self.address);
        let began = Instant::now();
        let pause = Duration::from_secs_f64(f64::from(SENDERS) / f64::from(plan.beats.max(1)));
        let own: Vec<u32> = (sender..plan.instances).step_by(SENDERS as usize).collect();
        for (turn, index) in (0u32..).zip(own.iter().cycle()) {
            let due = pause * turn;
            if due > Duration::from_secs(plan.seconds) {
                break;
            }
            sleep(due.saturating_sub(began.elapsed()));
            line.send(&self.request("PUT", &format!("/instance/inst_{index}/heartbeat"), &json!({})));
        }
        line.tally
    }

    /// Says in an instance what time it is.
    fn change(&self, seconds: u64) -> Tally {
        let mut line = Line::new(&self.address);
        for turn in 0..CHANGES * u32::try_from(seconds).unwrap_or(u32::MAX) {
            let body =
                json!({ "id": format!("inst_{}", turn % 100), "details": format!("at {}", self.micros()) });
            line.send(&self.request("PUT", "/instance", &body));
            sleep(Duration::from_secs(1) / CHANGES);
        }
        line.tally
    }

    /// Microseconds from before the change was asked for until its event was here.
    fn watch(&self, stop: Arc<AtomicBool>) -> Outcome<JoinHandle<Vec<u64>>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(&self.request("GET", "/watch", &Value::Null))?;
        let client = self.clone();
        Ok(spawn(move || {
            let (mut delays, mut kept, mut buffer) = (Vec::new(), Vec::new(), vec![0; 64 * 1024]);
            while !stop.load(Ordering::Relaxed) {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        let now = client.micros();
                        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
                        delays.extend(take_times(&mut kept).into_iter().map(|at| now.saturating_sub(at)));
                    }
                    // Nothing came for a while.
                    Err(_) => {}
                }
            }
            delays
        }))
    }
}

/// The times in what was read; what may be the beginning of one stays.
fn take_times(text: &mut Vec<u8>) -> Vec<u64> {
    let mut times = Vec::new();
    let mut from = 0;
    while let Some(found) =
        text.get(from..).and_then(|rest| rest.windows(MARK.len()).position(|part| part == MARK))
    {
        let start = from + found + MARK.len();
        let rest = text.get(start..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'"') else { break };
        let digits = rest.get(..length).unwrap_or_default();
        times.extend(std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()));
        from = start + length;
    }
    let keep = text.len().saturating_sub(64).max(from);
    text.drain(..keep);
    times
}

/// One connection that is opened again when it breaks.
struct Line<'a> {
    address: &'a str,
    open: Option<Connection>,
    tally: Tally,
}

impl<'a> Line<'a> {
    fn new(address: &'a str) -> Self {
        Self { address, open: None, tally: Tally::default() }
    }

    fn send(&mut self, request: &[u8]) {
        self.tally.sent += 1;
        if let Err(error) = self.exchange(request) {
            self.open = None;
            self.tally.errors += 1;
            self.tally.first_error.get_or_insert(error.to_string());
        }
    }

    fn exchange(&mut self, request: &[u8]) -> Outcome<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Connection::open(self.address)?),
        };
        match open.exchange(request)? {
            200..=299 => Ok(()),
            status => Err(format!("answered {status}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_wherever_a_read_cuts() {
        let text = br#"data: {"x":1,"details":"at 120","y":2} data: {"details":"at 34567"}"#;
        for cut in 0..text.len() {
            let (first, second) = text.split_at(cut);
            let mut kept = first.to_vec();
            let mut times = take_times(&mut kept);
            kept.extend_from_slice(second);
            times.extend(take_times(&mut kept));
            assert_eq!(times, [120, 34_567], "{cut}");
        }
    }
}
