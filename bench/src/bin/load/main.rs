//! The load clients that wrk is not: a fixed rate on an open loop, idle connections, and a full directory of services.
//! Each prints one JSON object.

mod directory;
mod idle;
mod rate;

use clap::{Args, Parser};
use rack_gateway_bench::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Parser)]
enum Command {
    /// Send at a fixed rate, whatever the answers do; latency counts from the moment a request was due.
    Rate(rate::Plan),
    /// Open connections, leave them idle and see what each costs the given processes in memory.
    Idle(idle::Plan),
    /// Register many instances, send heartbeats for them, and see how late watchers hear of changes.
    Directory(directory::Plan),
}

/// Where requests go and what they say.
#[derive(Args)]
struct Target {
    /// HOST:PORT
    #[arg(long)]
    address: String,
    #[arg(long)]
    path: String,
    /// File of Authorization header values, one a line, used in turn.
    #[arg(long)]
    headers: PathBuf,
}

fn main() -> Outcome<()> {
    let figures = match Command::parse() {
        Command::Rate(plan) => rate::run(&plan)?,
        Command::Idle(plan) => idle::run(&plan)?,
        Command::Directory(plan) => directory::run(&plan)?,
    };
    print(&figures)
}

fn print(figures: &serde_json::Value) -> Outcome<()> {
    println!("{figures}");
    Ok(())
}

fn authorizations(file: &Path) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if lines.is_empty() {
        return Err(format!("{} holds no Authorization values", file.display()).into());
    }
    Ok(lines)
}
