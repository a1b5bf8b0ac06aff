//! A PostgreSQL of the test's own, which may be frozen, killed and started again.

use super::child::{PATIENCE, signal};
use crate::support::port::free_port;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// A running server with nothing in it but an empty database named `gateway`.
pub struct Cluster {
    server: std::process::Child,
    port: u16,
    owner: Owner,
    directory: TempDir,
}

/// The account that the server runs as: it refuses to be root.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    /// `None`, said on stderr, on machines where it cannot be had.
    pub async fn start() -> Option<Self> {
        let Some(owner) = owner().filter(|_| Path::new(BINARIES).join("initdb").exists()) else {
            eprintln!("skipped: PostgreSQL (no server in {BINARIES}, or no user \"postgres\" to run it as)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        chown(directory.path(), Some(owner.user), Some(owner.group)).unwrap();
        let made = owner
            .command("initdb")
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
            .arg("--pgdata")
            .arg(directory.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let server = owner.serve(&directory.path().join("data"), port);
        let cluster = Self { server, port, owner, directory };
        cluster.until_ready().await;
        cluster.sql("postgres", "CREATE DATABASE gateway").await;
        Some(cluster)
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub async fn sql(&self, database: &str, text: &str) {
        run_sql(&self.url(database), text).await;
    }

    /// SIGSTOP: connections stay open, and nobody answers on them.
    pub fn freeze(&self) {
        signal("STOP", &self.processes());
    }

    pub fn thaw(&self) {
        signal("CONT", &self.processes());
    }

    /// SIGKILL to all of it at once, as when the machine's memory runs out.
    pub fn kill(&mut self) {
        signal("KILL", &self.processes());
        self.server.wait().unwrap();
    }

    /// Starts the server again on the same data and port.
    pub async fn restart(&mut self) {
        self.server = self.owner.serve(&self.data(), self.port);
        self.until_ready().await;
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The server's, the first one before those that it has started.
    fn processes(&self) -> Vec<u32> {
        let first = self.server.id();
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        let children = children.split_whitespace().map(|id| id.parse().unwrap());
        std::iter::once(first).chain(children).collect()
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if self.server.try_wait().is_ok_and(|ended| ended.is_some()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    async fn until_ready(&self) {
        for _ in 0..PATIENCE.as_millis() / 50 {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "PostgreSQL did not start: {}",
            fs::read_to_string(self.data().join("log")).unwrap_or_default()
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let processes = self.processes();
        if self.server.try_wait().is_ok_and(|ended| ended.is_none()) {
            // At once, yet by itself: what is killed leaves its shared memory to the machine.
            signal("CONT", &processes);
            signal("QUIT", &[self.server.id()]);
            if !self.ends_within(Duration::from_secs(5)) {
                signal("KILL", &processes);
            }
        }
        let _ = self.server.wait();
        // The others end a moment after the first.
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Owner {
    fn command(self, program: &str) -> Command {
        let mut command = Command::new(Path::new(BINARIES).join(program));
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if is_root() {
            command.uid(self.user).gid(self.group);
        }
        command
    }

    /// Without fsync: what is killed here are processes, not the machine.
    fn serve(self, data: &Path, port: u16) -> std::process::Child {
        let log = fs::File::options().create(true).append(true).open(data.with_extension("log")).unwrap();
        self.command("postgres")
            .arg("-D")
            .arg(data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""])
            .args(["-F", "-c", "shared_buffers=16MB", "-c", "max_connections=90"])
            // In its folder, which goes away: in /dev/shm it would outlive a kill.
            .args(["-c", "dynamic_shared_memory_type=mmap"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn owner() -> Option<Owner> {
    if !is_root() {
        let process = fs::metadata("/proc/self").ok()?;
        return Some(Owner { user: process.uid(), group: process.gid() });
    }
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let account = accounts.lines().find(|line| line.starts_with("postgres:"))?;
    let mut ids = account.split(':').skip(2).map(str::parse);
    Some(Owner { user: ids.next()?.ok()?, group: ids.next()?.ok()? })
}

pub async fn run_sql(url: &str, text: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
