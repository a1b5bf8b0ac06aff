//! Figures that nobody asks for in the course of a request, and that must not hold up a scrape.

use super::Job;
use crate::{
    core::SharedClock,
    observe::metrics::catalogue::{CLOCK_SKEW, DISK_FREE, DISK_SIZE},
    store::Db,
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(10);

/// How much room there is where the gateway keeps things. Each place has a name for the metrics.
pub fn disk_space(places: Vec<(&'static str, PathBuf)>) -> Job {
    Job::new("disk-space", EVERY, move || {
        let places = places.clone();
        async move {
            // A volume that is away may hold up whoever asks about it.
            let _ = tokio::task::spawn_blocking(move || places.iter().for_each(measure)).await;
            Ok(())
        }
    })
}

fn measure((place, path): &(&'static str, PathBuf)) {
    let Some((free, size)) = room(path) else { return };
    metrics::gauge!(DISK_FREE, "place" => *place).set(free as f64);
    metrics::gauge!(DISK_SIZE, "place" => *place).set(size as f64);
}

/// Bytes free for us and in all, of the volume that holds `path` or, while it is not there, what is above it.
fn room(path: &Path) -> Option<(u64, u64)> {
    let volume = path.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        rustix::fs::statvfs(path).ok()
    })?;
    Some((volume.f_bavail.saturating_mul(volume.f_frsize), volume.f_blocks.saturating_mul(volume.f_frsize)))
}

/// How far our clock is from that of a database that replicas share.
pub fn clock_skew(db: Db, clock: SharedClock) -> Job {
    Job::new("clock-skew", EVERY, move || {
        let (db, clock) = (db.clone(), clock.clone());
        async move {
            let asked = Instant::now();
            if let Some(theirs) = db.now().await? {
                // Half of the time that the question took lies after the answer was formed.
                let since = asked.elapsed().as_secs_f64() / 2.0;
                let ahead = (clock.now().as_micros() - theirs.as_micros()) as f64 / 1e6 - since;
                metrics::gauge!(CLOCK_SKEW, "source" => "database").set(ahead);
            }
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_found_also_above_what_is_not_there_yet() {
        let directory = tempfile::tempdir().unwrap();
        let (free, size) = room(directory.path()).unwrap();
        assert!(0 < size && free <= size, "{free} of {size}");
        assert_eq!(room(&directory.path().join("not/yet/there")).unwrap().1, size);
        assert!(room(Path::new("relative/and/not/there")).is_some());
    }
}
