//! CPU time and resident memory of process trees, from `/proc` (proc(5)).

use crate::Outcome;
use std::collections::BTreeSet;
use std::fs;

/// `/proc/PID/stat` counts in USER_HZ, which is 100 on every Linux we run on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_KIB: u64 = 4;

/// The processes whose cost is measured: the given roots and all their descendants at the time of `find`.
pub struct Tree {
    pids: BTreeSet<u32>,
}

impl Tree {
    pub fn find(roots: &[u32]) -> Outcome<Tree> {
        let mut pids = BTreeSet::new();
        let parents = parents()?;
        let mut open: Vec<u32> = roots.to_vec();
        while let Some(pid) = open.pop() {
            if pids.insert(pid) {
                open.extend(parents.iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| *child));
            }
        }
        Ok(Tree { pids })
    }

    /// User and system time of the tree so far, in seconds. Fails when a process is gone: its time would be lost.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        let mut ticks = 0;
        for pid in &self.pids {
            ticks += cpu_ticks(&stat(*pid)?)
                .ok_or_else(|| format!("/proc/{pid}/stat is not readable as proc(5)"))?;
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Resident memory of the tree in KiB; pages shared between its processes count once each.
    pub fn rss_kib(&self) -> Outcome<u64> {
        let mut pages = 0;
        for pid in &self.pids {
            let statm = fs::read_to_string(format!("/proc/{pid}/statm")).map_err(|_| gone(*pid))?;
            pages += resident_pages(&statm)
                .ok_or_else(|| format!("/proc/{pid}/statm is not readable as proc(5)"))?;
        }
        Ok(pages * PAGE_KIB)
    }
}

fn gone(pid: u32) -> String {
    format!("process {pid} ended while it was measured; see its log in bench/results/logs")
}

fn stat(pid: u32) -> Outcome<String> {
    Ok(fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|_| gone(pid))?)
}

fn parents() -> Outcome<Vec<(u32, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(text) = stat(pid) else { continue };
        if let Some(parent) = fields_after_name(&text).nth(1).and_then(|field| field.parse().ok()) {
            found.push((pid, parent));
        }
    }
    Ok(found)
}

/// The fields from `state` on. The name before them may hold spaces and brackets, so the last `)` is the border.
fn fields_after_name(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace()
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = fields_after_name(stat).skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_past_a_name_with_brackets() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 3 0 100 1000 200";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(fields_after_name(stat).nth(1), Some("7"));
    }

    #[test]
    fn a_short_line_is_refused() {
        assert_eq!(cpu_ticks("42 (a) S 7 42"), None);
        assert_eq!(resident_pages("100"), None);
        assert_eq!(resident_pages("100 25 10 1 0 50 0"), Some(25));
    }

    #[test]
    fn a_tree_holds_this_process_and_a_child() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let tree = Tree::find(&[std::process::id()]).unwrap();
        let has_child = tree.pids.contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(has_child && tree.pids.contains(&std::process::id()));
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let tree = Tree { pids: [child.id()].into() };
        child.wait().unwrap();
        assert!(tree.cpu_seconds().unwrap_err().to_string().contains("ended while it was measured"));
    }
}
