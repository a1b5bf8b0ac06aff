//! The administration commands, as the built binary carries them out.

mod audit;
mod config;
mod database;
mod grants;
mod health;
mod keys;
mod roles;
mod running;
mod tokens;
mod usage;
mod users;
mod webhooks;

use assert_cmd::{Command, assert::Assert};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory with an embedded database of its own, and nothing else in the environment.
struct Machine {
    dir: TempDir,
    env: Vec<(String, String)>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let database = dir.path().join("data/gateway.db").to_string_lossy().into_owned();
        Self { dir, env: vec![("SQLITE_PATH".to_owned(), database)] }
    }

    /// A machine whose environment is `env` alone.
    fn with_env<const N: usize>(env: [(&str, &str); N]) -> Self {
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { dir: TempDir::new().unwrap(), env: env.into() }
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("data/gateway.db")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("rack-gateway");
        command.current_dir(self.dir.path()).env_clear().args(arguments);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What is told of a database that was made in passing is left out.
    fn run(&self, arguments: &[&str]) -> Ended {
        let Ended { code, stdout, stderr } = self.run_whole(arguments);
        let kept = stderr.split_inclusive('\n').filter(|line| !line.starts_with("created the database "));
        Ended { code, stdout, stderr: kept.collect() }
    }

    fn run_whole(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).assert())
    }

    /// Runs a command that must succeed without a word on stderr; gives its stdout.
    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// Runs a command that must succeed; gives its JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
    }

    /// Runs a command that must fail with `code`, print nothing on stdout, and this error on stderr.
    #[track_caller]
    fn refused(&self, arguments: &[&str], code: i32, error: &str) {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("error: {error}")), "{arguments:?}: {}", ended.stderr);
    }
}

fn ended(assert: Assert) -> Ended {
    let output = assert.get_output();
    Ended {
        code: output.status.code().expect("the process ends by itself"),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Columns of a table, blanks squeezed, with times and ids replaced.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| match cell {
        id if id.len() == 36 && id.split('-').count() == 5 => "<id>".to_owned(),
        time if time.len() == 20 && time.ends_with('Z') => "<time>".to_owned(),
        other => other.to_owned(),
    };
    let line =
        |line: &str| line.split("  ").map(str::trim).filter(|part| !part.is_empty()).map(cell).collect();
    table.lines().map(line).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
