//! Turns the samples of a run into `latest.json` and `latest.md`, and prints the goals with their verdicts.
//! With `--gate` the exit status is 1 when a measured goal is missed.

use clap::Parser;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::goals::{Finding, GOALS};
use rack_gateway_bench::markdown::{goals_table, loads_tables};
use rack_gateway_bench::samples::Samples;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
struct Args {
    /// Folder with `samples.jsonl` and `context.txt` (`name: value` lines); the report is written there too.
    #[arg(long)]
    dir: PathBuf,
    /// Goals to list, as in `1,2`; all without it.
    #[arg(long, value_delimiter = ',')]
    only: Vec<u32>,
    #[arg(long)]
    gate: bool,
}

fn main() -> Outcome<ExitCode> {
    let args = Args::parse();
    let samples = Samples::parse(&read(&args.dir.join("samples.jsonl"))?)?;
    let context = read(&args.dir.join("context.txt"))?;
    let wanted = GOALS.iter().filter(|goal| args.only.is_empty() || args.only.contains(&goal.row));
    let findings: Vec<Finding> = wanted.map(|goal| goal.judge(&samples)).collect();

    let table = goals_table(&findings);
    fs::write(args.dir.join("latest.md"), markdown(&context, &table, &samples))?;
    fs::write(
        args.dir.join("latest.json"),
        serde_json::to_string_pretty(&as_json(&context, &findings, &samples))?,
    )?;
    println!("{table}");
    let missed = findings.iter().any(|finding| finding.meets_must() == Some(false));
    Ok(if args.gate && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> Outcome<String> {
    Ok(fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn markdown(context: &str, table: &str, samples: &Samples) -> String {
    let facts: Vec<String> = context.lines().map(|line| format!("* {line}")).collect();
    format!("{}\n\n{table}\n## Everything measured\n{}", facts.join("\n"), loads_tables(samples))
}

fn as_json(context: &str, findings: &[Finding], samples: &Samples) -> Value {
    let facts: Vec<&str> = context.lines().collect();
    let goals: Vec<Value> = findings.iter().map(finding_json).collect();
    json!({ "context": facts, "goals": goals, "samples": samples.0 })
}

fn finding_json(finding: &Finding) -> Value {
    let goal = finding.goal;
    json!({
        "row": goal.row,
        "goal": goal.what,
        "unit": goal.unit,
        "median": finding.value.map(|value| value.median),
        "low": finding.value.map(|value| value.low),
        "high": finding.value.map(|value| value.high),
        "must": goal.bound.must(),
        "meets_must": finding.meets_must(),
        "stretch": goal.bound.stretch(),
        "meets_stretch": finding.meets_stretch(),
        "invalid_samples": finding.invalid,
    })
}
