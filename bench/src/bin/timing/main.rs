//! Whether how long a refusal takes tells what was wrong with the guess. Two kinds of wrong guesses are tried in random
//! order, each as the gateway's own code handles it with a database behind; Welch's t over both kinds must stay
//! small. Prints one JSON object.

#[path = "../../../../tests/it/support/security_key.rs"]
mod security_key;

mod cases;
mod people;
mod tokens;
mod world;

use cases::Case;
use clap::Parser;
use futures_util::{StreamExt as _, stream};
use rack_gateway_bench::{
    Outcome,
    stats::{Moments, crop, welch},
};
use rand::seq::SliceRandom as _;
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use world::World;

/// The slowest of both kinds together are left out: they waited for the scheduler or the disk.
const KEPT: f64 = 0.99;
/// Tries at the beginning that are not counted, while caches fill.
const WARM_UP: usize = 200;

#[derive(Parser)]
struct Args {
    #[arg(long, value_enum)]
    case: Case,
    /// Guesses of each kind.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    samples: u32,
    /// An empty folder for the database, best in memory: a disk's noise hides what is looked for.
    #[arg(long)]
    dir: PathBuf,
}

/// Which of the two kinds a guess is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As near to something real as a guess can be.
    Near,
    Far,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let world = World::open(&args.dir, args.case).await?;
    let each = usize::try_from(args.samples)?;
    let warm_up = WARM_UP.min(each);
    let mut order: Vec<Kind> = [Kind::Near, Kind::Far].repeat(each);
    order.shuffle(&mut rand::rng());
    let begin = [Kind::Near, Kind::Far].into_iter().cycle().take(warm_up);
    let guesses = stream::iter(begin.chain(order).enumerate()).map(|(number, kind)| {
        let guess = world.guess(number, kind);
        async move { guess.await.map(|took| (number >= warm_up, kind, took)) }
    });
    let mut taken = guesses.buffer_unordered(args.case.at_once());
    let mut all = Vec::with_capacity(2 * each);
    while let Some(guess) = taken.next().await {
        let (counts, kind, took) = guess?;
        if counts {
            all.push((kind, took));
        }
    }
    report(args.case, &all)
}

fn report(case: Case, all: &[(Kind, Duration)]) -> Outcome<()> {
    let pooled: Vec<f64> = all.iter().map(|(_, took)| took.as_secs_f64() * 1e6).collect();
    let limit = crop(&pooled, KEPT).ok_or("no samples")?;
    let of = |wanted: Kind| {
        let of_kind = all.iter().filter(|(kind, _)| *kind == wanted);
        let kept = of_kind.map(|(_, took)| took.as_secs_f64() * 1e6).filter(|micros| *micros <= limit);
        Moments::of(&kept.collect::<Vec<_>>())
    };
    let (near, far) = (of(Kind::Near), of(Kind::Far));
    let t = welch(near, far);
    eprintln!(
        "timing: {:<13} {:>9.3} µs and {:>9.3} µs, {:>+8.1} ns apart, t = {t:+.2} over {} and {}",
        case.name(),
        near.mean,
        far.mean,
        (near.mean - far.mean) * 1e3,
        near.count,
        far.count,
    );
    let figures = json!({
        "requests": all.len(),
        "near_us": near.mean,
        "far_us": far.mean,
        "apart_ns": (near.mean - far.mean) * 1e3,
        "t": t.abs(),
    });
    println!("{figures}");
    Ok(())
}
