//! Runs one load client and writes one sample: the client's own figures (its last line of output, a JSON object) with
//! the CPU time and memory that the watched processes spent on it.

use clap::Parser;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::proc::Tree;
use rack_gateway_bench::samples::Sample;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const RSS_INTERVAL: Duration = Duration::from_millis(20);
/// Work left over after the last answer (log lines, rows) belongs to the requests: wait until the processes rest.
const REST_INTERVAL: Duration = Duration::from_millis(200);
const REST_CPU_SECONDS: f64 = 0.011;
const REST_LIMIT: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Args {
    #[arg(long)]
    load: String,
    #[arg(long)]
    who: String,
    #[arg(long)]
    rep: u32,
    /// File the sample is appended to.
    #[arg(long)]
    out: PathBuf,
    /// Processes (with their descendants) that are watched; repeatable, none for a direct run.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let tree = Tree::find(&args.pids)?;
    let (cpu_before, rss_before) = (tree.cpu_seconds()?, tree.rss_kib()?);
    let (output, rss_peak) = run(&args.command, &tree)?;
    wait_for_rest(&tree)?;
    let mut numbers = figures(&output)?;
    if !args.pids.is_empty() {
        let cpu = tree.cpu_seconds()? - cpu_before;
        numbers.insert("cpu_s".to_owned(), cpu);
        numbers.insert("rss_peak_mib".to_owned(), mib(rss_peak));
        numbers.insert("rss_growth_mib".to_owned(), mib(rss_peak.saturating_sub(rss_before)));
        if let Some(requests) = numbers.get("requests").copied().filter(|requests| *requests > 0.0) {
            numbers.insert("cpu_us".to_owned(), cpu * 1e6 / requests);
        }
    }
    append(&args, numbers)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The command's output and the highest memory seen while it ran, in KiB.
fn run(command: &[String], tree: &Tree) -> Outcome<(String, u64)> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let peak = follow(&mut child, tree);
    if peak.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    let peak = peak?;
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    if !status.success() {
        return Err(format!("{program} ended with {status}: {output}").into());
    }
    Ok((output, peak))
}

fn follow(child: &mut Child, tree: &Tree) -> Outcome<u64> {
    let mut peak = tree.rss_kib()?;
    while child.try_wait()?.is_none() {
        sleep(RSS_INTERVAL);
        peak = peak.max(tree.rss_kib()?);
    }
    Ok(peak)
}

fn wait_for_rest(tree: &Tree) -> Outcome<()> {
    let begin = Instant::now();
    let mut before = tree.cpu_seconds()?;
    while begin.elapsed() < REST_LIMIT {
        sleep(REST_INTERVAL);
        let now = tree.cpu_seconds()?;
        if now - before < REST_CPU_SECONDS {
            return Ok(());
        }
        before = now;
    }
    eprintln!("watch: still busy {REST_LIMIT:?} after the load ended; the CPU figure lacks what came later");
    Ok(())
}

fn figures(output: &str) -> Outcome<BTreeMap<String, f64>> {
    let line = output.lines().last().ok_or("the load client printed nothing")?;
    let found: BTreeMap<String, Option<f64>> = serde_json::from_str(line)
        .map_err(|error| format!("`{line}` is not an object of numbers: {error}"))?;
    Ok(found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn append(args: &Args, numbers: BTreeMap<String, f64>) -> Outcome<()> {
    let sample = Sample { load: args.load.clone(), who: args.who.clone(), rep: args.rep, numbers };
    let mut file = OpenOptions::new().create(true).append(true).open(&args.out)?;
    writeln!(file, "{}", serde_json::to_string(&sample)?)?;
    if !sample.is_valid() {
        eprintln!(
            "watch: {} on {}: too many failed requests, the sample does not count",
            args.who, args.load
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_taken_and_unknown_values_dropped() {
        let found = figures("Running 1s test\n{\"requests\":10,\"p50_ms\":null}").unwrap();
        assert_eq!(found, BTreeMap::from([("requests".to_owned(), 10.0)]));
        assert!(figures("").is_err());
        assert!(figures("{\"requests\":\"many\"}").is_err());
    }

    #[test]
    fn a_failing_command_is_an_error_with_its_output() {
        let command = ["sh", "-c", "echo half; exit 3"].map(str::to_owned);
        let error = run(&command, &Tree::find(&[]).unwrap()).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("half"), "{error}");
    }

    #[test]
    fn memory_of_a_watched_process_is_seen() {
        let tree = Tree::find(&[std::process::id()]).unwrap();
        let (output, peak) = run(&["echo", "{}"].map(str::to_owned), &tree).unwrap();
        assert!(output == "{}\n" && peak > 100);
    }
}
