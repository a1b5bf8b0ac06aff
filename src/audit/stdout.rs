//! Lines for the log collector: written whole, by one thread, so that a request never waits for a pipe.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Bytes that may wait for a collector that has stalled. The table still has every record; what does not fit
/// here is counted and left out of stdout.
const LIMIT: usize = 16 * 1024 * 1024;

/// Lines are gathered for this long, so that a busy gateway makes few and large writes.
const GATHER: Duration = Duration::from_millis(25);

#[derive(Clone, Debug)]
pub struct LineSink(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines in `waiting`.
    lines: u64,
    writing: bool,
    closed: bool,
    /// Lines are being left out, which the log has been told.
    overflowing: bool,
    /// Lines were left out, or thrown away with a write that failed. That stays so.
    lost: bool,
}

impl LineSink {
    /// Starts the thread that writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let for_thread = shared.clone();
        let spawned =
            thread::Builder::new().name("audit-lines".into()).spawn(move || write_lines(&for_thread, out));
        if let Err(error) = spawned {
            tracing::error!(%error, "cannot start the thread that writes audit lines");
        }
        Self(shared)
    }

    /// `line` without its newline. Never blocks on the reader of stdout.
    pub fn write_line(&self, line: &str) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.len() + line.len() >= LIMIT {
            let is_news = !std::mem::replace(&mut state.overflowing, true);
            state.lost = true;
            drop(state);
            metrics::counter!("audit_stdout_failures_total").increment(1);
            if is_news {
                tracing::error!(
                    "nobody reads stdout: audit lines are left out; the table still has the records"
                );
            }
            return;
        }
        let was_empty = state.waiting.is_empty();
        state.overflowing &= !was_empty;
        state.waiting.extend_from_slice(line.as_bytes());
        state.waiting.push(b'\n');
        state.lines += 1;
        drop(state);
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Waits until all lines are written, for `limit` at most. True when all that ever came were taken.
    pub fn flush(&self, limit: Duration) -> bool {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        self.0.changed.notify_all();
        let (state, _) = self
            .0
            .changed
            .wait_timeout_while(state, limit, |state| state.writing || !state.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        !state.writing && state.waiting.is_empty() && !state.lost
    }
}

fn write_lines(shared: &Shared, mut out: impl Write) {
    let mut batch = Vec::new();
    let mut pipe = Pipe::Open;
    loop {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writing = false;
        state.lost |= pipe == Pipe::Broken;
        shared.changed.notify_all();
        let mut state = shared
            .changed
            .wait_while(state, |state| state.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        if !state.closed {
            drop(state);
            thread::sleep(GATHER);
            state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        std::mem::swap(&mut batch, &mut state.waiting);
        let lines = std::mem::take(&mut state.lines);
        drop(state);
        let written = out.write_all(&batch).and_then(|()| out.flush());
        pipe = pipe.after(written, lines);
        batch.clear();
        batch.shrink_to(256 * 1024);
    }
}

/// How the last write went. A change is logged; what goes on is only counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Open,
    Broken,
}

impl Pipe {
    fn after(self, written: std::io::Result<()>, lines: u64) -> Self {
        let Err(error) = written else {
            metrics::counter!("audit_lines_total").increment(lines);
            if self == Self::Broken {
                tracing::info!("audit lines can be written to stdout again");
            }
            return Self::Open;
        };
        metrics::counter!("audit_stdout_failures_total").increment(lines);
        if self == Self::Open {
            tracing::error!(%error, "cannot write audit lines to stdout; the table still has the records");
        }
        Self::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Channel(mpsc::Sender<Vec<u8>>);

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_from_many_threads_stay_whole() {
        let (sender, receiver) = mpsc::channel();
        let sink = LineSink::start(Channel(sender));
        thread::scope(|scope| {
            for name in ["aaaa", "bbbb", "cccc"] {
                let sink = &sink;
                scope.spawn(move || (0..500).for_each(|_| sink.write_line(&name.repeat(50))));
            }
        });
        assert!(sink.flush(Duration::from_secs(5)));
        let text = receiver.try_iter().flatten().collect::<Vec<u8>>();
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 1500);
        assert!(lines.iter().all(|line| line.len() == 200 && line.iter().all(|byte| *byte == line[0])));
    }

    /// A collector that stalls must cost neither the request nor unbounded memory.
    #[test]
    fn a_blocked_pipe_does_not_block_writers() {
        struct Stalled;
        impl Write for Stalled {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                thread::sleep(Duration::from_secs(600));
                Ok(0)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let sink = LineSink::start(Stalled);
        let line = "x".repeat(1024 * 1024);
        (0..64).for_each(|_| sink.write_line(&line));
        let held = sink.0.state.lock().unwrap().waiting.len();
        assert!(held <= LIMIT, "{held}");
        assert!(!sink.flush(Duration::from_millis(50)));
    }

    #[test]
    fn a_closed_pipe_is_survived() {
        let (sender, receiver) = mpsc::channel();
        drop(receiver);
        let sink = LineSink::start(Channel(sender));
        sink.write_line("one");
        sink.write_line("two");
        assert!(!sink.flush(Duration::from_secs(5)), "the lines are gone");
        assert!(sink.0.state.lock().unwrap().waiting.is_empty(), "nothing waits for a reader that is gone");
    }

    #[test]
    fn what_was_lost_is_remembered_when_the_pipe_works_again() {
        struct FullOnce(Channel, bool);
        impl Write for FullOnce {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                if std::mem::replace(&mut self.1, false) {
                    return Err(std::io::ErrorKind::StorageFull.into());
                }
                self.0.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (sender, receiver) = mpsc::channel();
        let sink = LineSink::start(FullOnce(Channel(sender), true));
        sink.write_line("lost");
        while sink.0.state.lock().unwrap().lines > 0 {
            thread::yield_now();
        }
        sink.write_line("kept");
        assert!(!sink.flush(Duration::from_secs(5)));
        assert_eq!(receiver.try_iter().flatten().collect::<Vec<u8>>(), b"kept\n");
    }
}
