//! The threads that serve connections, each with a scheduler of its own.
//!
//! A connection stays on the thread that it was given to, and so do the connections to racks that it uses: in the
//! middle of a request nothing changes hands. A scheduler for all threads pays for each hand-over with a system call
//! and cold caches (`make bench`, row 3).

use std::{io, sync::Arc, thread, time::Duration};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// How long work that blocks may go on when a lane ends.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Cheap to clone. The default has no threads of its own: connections are served where they are accepted.
#[derive(Clone, Debug, Default)]
pub struct Lanes(Arc<[Lane]>);

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// One more reference for each seat that is taken.
    seats: Arc<()>,
}

/// Ends the threads when it is dropped. What still runs there is dropped with them.
#[derive(Debug)]
pub struct LaneThreads {
    stop: CancellationToken,
    threads: Vec<thread::JoinHandle<()>>,
}

/// The place of one connection, for as long as it is kept.
#[derive(Debug)]
pub struct Seat {
    runtime: Handle,
    _taken: Option<Arc<()>>,
}

impl Lanes {
    /// Starts `count` threads; with none, as by default.
    pub fn start(count: usize) -> io::Result<(Self, LaneThreads)> {
        let mut threads = LaneThreads { stop: CancellationToken::new(), threads: Vec::new() };
        let lanes = (0..count).map(|number| threads.add(number)).collect::<io::Result<_>>()?;
        Ok((Self(lanes), threads))
    }

    /// On the lane with the fewest connections.
    ///
    /// # Panics
    /// Without lanes and outside of a runtime.
    pub fn seat(&self) -> Seat {
        match self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.seats)) {
            Some(lane) => Seat { runtime: lane.runtime.clone(), _taken: Some(lane.seats.clone()) },
            None => Seat { runtime: Handle::current(), _taken: None },
        }
    }

    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|lane| &lane.runtime)
    }
}

impl Seat {
    pub const fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl LaneThreads {
    fn add(&mut self, number: usize) -> io::Result<Lane> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, stop) = (runtime.handle().clone(), self.stop.clone());
        let serve = move || {
            runtime.block_on(stop.cancelled());
            runtime.shutdown_timeout(LAST_WORK);
        };
        self.threads.push(thread::Builder::new().name(format!("lane-{number}")).spawn(serve)?);
        Ok(Lane { runtime: handle, seats: Arc::default() })
    }
}

impl Drop for LaneThreads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // It ends with an error when it panicked, which was reported where it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    async fn thread_of(seat: &Seat) -> String {
        let name = async { thread::current().name().unwrap_or_default().to_owned() };
        seat.runtime().spawn(name).await.unwrap()
    }

    #[tokio::test]
    async fn connections_are_dealt_out_evenly() {
        let (lanes, _threads) = Lanes::start(3).unwrap();
        let mut seats: Vec<_> = (0..9).map(|_| lanes.seat()).collect();
        let mut taken = HashMap::<_, Vec<_>>::new();
        for (index, seat) in seats.iter().enumerate() {
            taken.entry(thread_of(seat).await).or_default().push(index);
        }
        assert_eq!(taken.len(), 3);
        assert!(taken.values().all(|seats| seats.len() == 3), "{taken:?}");

        // Who leaves makes room on their own lane.
        seats.remove(taken["lane-1"][0]);
        assert_eq!(thread_of(&lanes.seat()).await, "lane-1");
    }

    #[tokio::test]
    async fn without_lanes_the_caller_serves() {
        let seat = Lanes::default().seat();
        assert_eq!(seat.runtime().id(), Handle::current().id());
    }

    #[tokio::test]
    async fn what_runs_on_a_lane_ends_with_it() {
        let (lanes, threads) = Lanes::start(1).unwrap();
        let endless = lanes.seat().runtime().spawn(std::future::pending::<()>());
        drop(threads);
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
