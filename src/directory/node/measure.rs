//! Figures of the machine that this process runs on. Reading them blocks, so it is done on a thread for such work.

use super::{Cpu, Disk, Figures, Process, Share, Usage};
use std::{collections::HashSet, time::Duration};
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, ProcessRefreshKind, ProcessesToUpdate, System};

/// How many processes are told of.
const PROCESSES: usize = 10;

/// Keeps what the next measurement is compared with: use of processors is a difference.
#[derive(Debug, Default)]
pub(super) struct Measure {
    /// `None` before the first look, and where the system cannot be looked at.
    system: Option<System>,
}

impl Measure {
    pub fn figures(&mut self) -> Figures {
        let system = match self.system.take() {
            Some(system) => Some(system),
            None => first_look(),
        };
        let Some(mut system) = system else { return told_by_the_system() };
        look(&mut system);
        let figures = figures_of(&system);
        self.system = Some(system);
        figures
    }
}

/// The name of this machine.
pub fn hostname() -> String {
    System::host_name().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

fn first_look() -> Option<System> {
    let mut system = System::new().ok()?;
    look(&mut system);
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL + Duration::from_millis(10));
    Some(system)
}

/// What needs no look.
fn told_by_the_system() -> Figures {
    Figures {
        hostname: System::host_name().ok(),
        os: System::long_os_version().ok(),
        kernel: System::kernel_version().ok(),
        arch: Some(System::cpu_arch()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        uptime: System::uptime().ok(),
        ..Figures::default()
    }
}

fn figures_of(system: &System) -> Figures {
    let disks = disks();
    let load = System::load_average().map(|load| vec![load.one, load.five, load.fifteen]);
    let cores = u32::try_from(system.cpus().len()).unwrap_or(u32::MAX);
    let percent = system.global_cpu_usage();
    let (disk_used, disk_total) =
        disks.iter().fold((0, 0), |(used, total), disk| (used + disk.used, total + disk.total));
    Figures {
        cpu: Cpu { cores, percent, load: load.unwrap_or_default() },
        usage: Usage {
            cpu: Share::new((f64::from(percent) * 10.0 * f64::from(cores)) as u64, u64::from(cores) * 1_000),
            memory: Share::new(system.used_memory(), system.total_memory()),
            disk: Share::new(disk_used, disk_total),
        },
        disks,
        processes: processes(system),
        ..told_by_the_system()
    }
    .trimmed()
}

fn look(system: &mut System) {
    system.refresh_cpu_usage();
    system.refresh_memory();
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
}

fn processes(system: &System) -> Vec<Process> {
    let mut all: Vec<_> = system.processes().values().collect();
    all.sort_by(|a, b| b.cpu_usage().total_cmp(&a.cpu_usage()).then_with(|| b.memory().cmp(&a.memory())));
    let shown = all.into_iter().take(PROCESSES).map(|process| Process {
        pid: process.pid().as_u32(),
        name: process.name().to_string_lossy().into_owned(),
        cpu_percent: process.cpu_usage(),
        memory: process.memory(),
    });
    shown.collect()
}

/// Each device once, under its shortest mount: containers see the same one in many places.
fn disks() -> Vec<Disk> {
    let Ok(found) = Disks::new_with_refreshed_list() else { return Vec::new() };
    let mut all: Vec<_> = found.iter().filter(|disk| disk.total_space() > 0).collect();
    all.sort_by_key(|disk| disk.mount_point().as_os_str().len());
    let mut seen = HashSet::new();
    all.retain(|disk| seen.insert(disk.name().to_owned()));
    all.iter()
        .map(|disk| Disk {
            mount: disk.mount_point().to_string_lossy().into_owned(),
            used: disk.total_space().saturating_sub(disk.available_space()),
            total: disk.total_space(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_figures() {
        let figures = Measure::default().figures();
        assert!(figures.cpu.cores > 0 && figures.usage.memory.total > 0, "{figures:?}");
        assert!(figures.usage.memory.used <= figures.usage.memory.total);
        assert!((0.0..=100.5).contains(&figures.cpu.percent), "{}", figures.cpu.percent);
        assert!(!figures.processes.is_empty() && figures.processes.len() <= PROCESSES);
        assert!(figures.uptime.is_some_and(|uptime| uptime > 0));
    }
}
