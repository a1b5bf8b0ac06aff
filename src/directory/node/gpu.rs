//! Graphics processors, as NVIDIA's own tool tells of them. Boards leave out what they cannot measure (`[N/A]`,
//! `[Not Supported]`); the rest of such a line still counts.

use super::{Gpu, GpuProcess};
use std::{process::Stdio, time::Duration};
use tokio::process::Command;

const TOOL: &str = "nvidia-smi";
/// The tool hangs when a driver does.
const PATIENCE: Duration = Duration::from_secs(5);
const BOARDS: &str = "--query-gpu=name,temperature.gpu,utilization.gpu,memory.total,memory.used,power.draw,power.limit,\
driver_version,pci.bus_id,compute_mode,pstate";
const PROCESSES: &str = "--query-compute-apps=gpu_bus_id,pid,used_memory,process_name";

/// None when there is no such tool.
pub(super) async fn all(node_url: &str) -> Vec<Gpu> {
    let Some(boards) = ask(BOARDS).await else { return Vec::new() };
    let mut gpus = boards_of(&boards, node_url);
    if let Some(processes) = ask(PROCESSES).await {
        assign(&mut gpus, &processes);
    }
    gpus
}

async fn ask(query: &str) -> Option<String> {
    let mut command = Command::new(TOOL);
    command.arg(query).arg("--format=csv,noheader,nounits").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn boards_of(text: &str, node_url: &str) -> Vec<Gpu> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    (0..).zip(lines).map(|(index, line)| board(line, index, node_url)).collect()
}

fn board(line: &str, index: u32, node_url: &str) -> Gpu {
    let fields: Vec<Option<&str>> = line.split(',').map(known).collect();
    let text = |at: usize| fields.get(at).copied().flatten();
    let number =
        |at: usize| text(at).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    let whole = |at: usize| text(at).and_then(|text| text.parse::<u64>().ok());
    Gpu {
        id: format!("{node_url}:{index}"),
        intra_node_id: index,
        name: text(0).unwrap_or("unknown").to_owned(),
        temperature: number(1),
        gpu_utilization: number(2),
        memory_total: whole(3),
        memory_usage: whole(4),
        power_usage: number(5),
        power_cap: number(6),
        driver_version: text(7).map(str::to_owned),
        bus_id: text(8).map(str::to_owned),
        compute_mode: text(9).map(str::to_owned),
        performance_state: text(10).map(str::to_owned),
        process_details: Vec::new(),
    }
}

/// `None` for what the tool says instead of a value.
fn known(field: &str) -> Option<&str> {
    let field = field.trim();
    let is_absent = field.is_empty() || field.starts_with('[') || field == "N/A";
    (!is_absent).then_some(field)
}

fn assign(gpus: &mut [Gpu], text: &str) {
    for line in text.lines() {
        // The name comes last, for it may hold commas.
        let mut fields = line.splitn(4, ',').map(str::trim);
        let (Some(bus), Some(pid), memory, name) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Ok(pid) = pid.parse() else { continue };
        let board = gpus.iter_mut().find(|gpu| gpu.bus_id.as_deref() == Some(bus));
        if let Some(board) = board {
            board.process_details.push(GpuProcess {
                pid,
                process_name: name.unwrap_or_default().to_owned(),
                memory_usage: memory.and_then(|memory| memory.parse().ok()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        "Tesla T4, 41, 12, 15360, 312, 27.50, 70.00, 550.54.15, 00000000:00:1E.0, Default, P0\n";

    #[test]
    fn a_board_that_tells_all() {
        let [gpu] = boards_of(FULL, "http://a:1").try_into().unwrap();
        assert_eq!((gpu.id.as_str(), gpu.name.as_str()), ("http://a:1:0", "Tesla T4"));
        assert_eq!((gpu.temperature, gpu.gpu_utilization), (Some(41.0), Some(12.0)));
        assert_eq!((gpu.memory_total, gpu.memory_usage), (Some(15_360), Some(312)));
        assert_eq!((gpu.power_usage, gpu.power_cap), (Some(27.5), Some(70.0)));
        assert_eq!(gpu.performance_state.as_deref(), Some("P0"));
    }

    #[test]
    fn what_is_not_available_takes_nothing_else_away() {
        let text = format!("{FULL}GeForce, [N/A], [Not Supported], 4096, x, N/A, , 550, [N/A], [N/A]\n\n");
        let gpus = boards_of(&text, "n");
        assert_eq!(gpus.len(), 2);
        let (name, total) = (gpus[1].name.as_str(), gpus[1].memory_total);
        assert_eq!((name, total), ("GeForce", Some(4_096)));
        assert_eq!((gpus[1].temperature, gpus[1].memory_usage, gpus[1].power_usage), (None, None, None));
        assert_eq!(gpus[1].performance_state, None, "a line that is too short");
        assert!(boards_of("", "n").is_empty());
    }

    #[test]
    fn processes_belong_to_their_board() {
        let mut gpus = boards_of(FULL, "n");
        let text = "00000000:00:1E.0, 77, 120, python, serve\n00000000:00:1F.0, 78, 5, x\njunk\nbus, x\n\
                    00000000:00:1E.0, 79, [N/A], y";
        assign(&mut gpus, text);
        let found: Vec<_> = gpus[0].process_details.iter().map(|one| (one.pid, one.memory_usage)).collect();
        assert_eq!(found, [(77, Some(120)), (79, None)]);
        assert_eq!(gpus[0].process_details[0].process_name, "python, serve");
    }
}
