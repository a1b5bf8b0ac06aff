//! The real binary as a process of its own, which a test may kill, stop, or stop listening to.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    process::{ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// For what certainly happens, only not at once.
pub const PATIENCE: Duration = Duration::from_secs(30);
const BINARY: &str = env!("CARGO_BIN_EXE_rack-gateway");
pub const PRLIMIT: &str = "/usr/bin/prlimit";
const GLANCE: Duration = Duration::from_millis(10);

/// A gateway that serves. Killed when it is dropped.
pub struct Child {
    process: std::process::Child,
    pub address: SocketAddr,
    pub ops_address: SocketAddr,
    pub log: Text,
    /// What came on stdout, when it is read.
    pub lines: Text,
}

/// Who reads the gateway's stdout.
pub enum Reader {
    Here,
    /// Nobody, though the pipe is open for as long as this holds its end.
    Held(Arc<Mutex<Option<ChildStdout>>>),
}

/// A process that ended in place of serving.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    pub log: String,
}

/// Text that a thread of ours reads from a pipe.
#[derive(Clone, Default)]
pub struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn read_from(pipe: impl Read + Send + 'static) -> Self {
        let text = Self::default();
        let kept = text.clone();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                kept.0.lock().unwrap().append(&mut line);
            }
        });
        text
    }

    pub fn get(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// How many lines hold `part`.
    pub fn count(&self, part: &str) -> usize {
        self.get().lines().filter(|line| line.contains(part)).count()
    }
}

impl Child {
    /// Starts `rack-gateway serve` with exactly these variables, and waits until it listens.
    pub async fn start(variables: &[(String, String)], reader: Reader) -> Result<Self, Refused> {
        Self::spawn(Command::new(BINARY), variables, reader).await
    }

    /// The same, with a bound to the size of the files that it may write: writing beyond it fails as on a full
    /// disk. Needs the program `prlimit`.
    pub async fn start_on_a_full_disk(variables: &[(String, String)], bytes: u64) -> Result<Self, Refused> {
        let mut command = Command::new("sh");
        // Without the signal that would otherwise come in place of the error.
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, PRLIMIT]);
        command.arg(format!("--fsize={bytes}:")).arg(BINARY);
        Self::spawn(command, variables, Reader::Here).await
    }

    /// Makes room on the disk.
    pub fn unbound(&self) {
        let process = self.process.id().to_string();
        let done = Command::new(PRLIMIT).args(["--fsize=unlimited", "--pid", &process]).status().unwrap();
        assert!(done.success());
    }

    async fn spawn(
        mut command: Command,
        variables: &[(String, String)],
        reader: Reader,
    ) -> Result<Self, Refused> {
        let mut process = command
            .arg("serve")
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Text::read_from(process.stderr.take().unwrap());
        let stdout = process.stdout.take().unwrap();
        let lines = match reader {
            Reader::Here => Text::read_from(stdout),
            Reader::Held(end) => {
                *end.lock().unwrap() = Some(stdout);
                Text::default()
            }
        };
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut child = Self { process, address: unknown, ops_address: unknown, log, lines };
        child.until_listening().await?;
        Ok(child)
    }

    async fn until_listening(&mut self) -> Result<(), Refused> {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            let log = self.log.get();
            if let Some(line) = log.lines().find(|line| line.contains("Server listening")) {
                self.address = field(line, "address");
                self.ops_address = field(line, "ops_address");
                return Ok(());
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                // The thread that reads may be a little behind.
                tokio::time::sleep(GLANCE * 10).await;
                return Err(Refused { status, log: self.log.get() });
            }
            tokio::time::sleep(GLANCE).await;
        }
        panic!("the gateway did not start:\n{}", self.log.get());
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn terminate(&self) {
        signal("TERM", &[self.process.id()]);
    }

    /// Waits for the end that something else has brought about.
    pub async fn ended(&mut self) -> ExitStatus {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(GLANCE).await;
        }
        panic!("the gateway did not end:\n{}", self.log.get());
    }

    /// SIGTERM, and the end.
    pub async fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.ended().await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- the gateway's log\n{}---", self.log.get());
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the gateway at {}", self.address)
    }
}

pub fn signal(name: &str, processes: &[u32]) {
    let ids: Vec<_> = processes.iter().map(u32::to_string).collect();
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", ids.join(" "))]).output().unwrap();
    assert!(sent.status.success() || processes.len() > 1, "{sent:?}");
}

fn field(line: &str, name: &str) -> SocketAddr {
    let of_name = |word: &str| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    let value = line.split_whitespace().find_map(of_name).unwrap_or_else(|| panic!("no {name} in {line}"));
    value.trim_matches('"').parse().unwrap()
}
