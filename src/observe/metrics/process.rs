//! Numbers about the process, read when somebody scrapes.

use super::{
    catalogue::{self, PROCESS_CPU, PROCESS_CPU_SYSTEM, PROCESS_CPU_USER},
    exposition::{header, sample},
};
use metrics_process::collector;
use std::fs;

/// `USER_HZ`, the unit of `/proc/self/stat`: 100 on every Linux architecture that runs this program.
const TICKS_PER_SECOND: f64 = 100.0;

/// Sets the gauges that the recorder keeps.
pub(super) fn refresh() {
    let now = collector::collect();
    let gauges = [
        (catalogue::PROCESS_RESIDENT_MEMORY, now.resident_memory_bytes),
        (catalogue::PROCESS_VIRTUAL_MEMORY, now.virtual_memory_bytes),
        (catalogue::PROCESS_OPEN_FDS, now.open_fds),
        (catalogue::PROCESS_MAX_FDS, now.max_fds),
        (catalogue::PROCESS_START_TIME, now.start_time_seconds),
        (catalogue::PROCESS_THREADS, now.threads),
    ];
    for (name, value) in gauges {
        if let Some(value) = value {
            metrics::gauge!(name).set(value as f64);
        }
    }
}

/// CPU time is a counter with a fraction, which the recorder (whole numbers only) cannot hold.
pub(super) fn render_cpu(out: &mut String) {
    let Some((user, system)) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_seconds)
    else {
        return;
    };
    for (name, seconds) in
        [(PROCESS_CPU_USER, user), (PROCESS_CPU_SYSTEM, system), (PROCESS_CPU, user + system)]
    {
        header(out, name);
        sample(out, name, "", &[], seconds);
    }
}

/// User and system seconds from a line of `proc(5)` stat. The second field is the program's name in
/// parentheses, which may itself hold spaces and parentheses.
fn cpu_seconds(stat: &str) -> Option<(f64, f64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some((seconds()?, seconds()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_right_columns_whatever_the_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 1234 567 0 0 20 0 8 0 99 1 1";
        assert_eq!(cpu_seconds(stat), Some((12.34, 5.67)));
        assert_eq!(cpu_seconds("42 (a) S 1"), None);
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn our_own_cpu_time_is_plausible() {
        let mut out = String::new();
        render_cpu(&mut out);
        assert!(
            out.contains("# HELP process_cpu_user_seconds_total Total user CPU time spent in seconds.\n")
        );
        assert_eq!(out.lines().count(), 9);
    }
}
