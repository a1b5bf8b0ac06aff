//! The command line as a client of the directory: the real binary, and a link to it that is called `oo`.

use super::{gateway, register, server::Server};
use crate::support::gateway::TestGateway;
use serde_json::Value;
use std::{path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;

pub struct Shell {
    pub home: TempDir,
    program: PathBuf,
    env: Vec<(&'static str, String)>,
}

pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    /// With a token in the environment, as a script has it.
    pub fn new(gateway: &TestGateway, token: &str) -> Self {
        let home = TempDir::new().unwrap();
        let program = home.path().join("oo");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rack-gateway"), &program).unwrap();
        let env = vec![("RACK_GATEWAY_URL", gateway.url("")), ("RACK_GATEWAY_API_TOKEN", token.to_owned())];
        Self { home, program, env }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, words: &[&str]) -> Ended {
        let output = tokio::time::timeout(Duration::from_secs(60), self.command(words).output());
        let output = output.await.expect("an end in time").unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    fn done(ended: Ended) -> String {
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        ended.stdout
    }
}

#[tokio::test]
async fn instances_are_listed_registered_drained_and_removed() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let server = Server::start("one").await;
    let url = format!("http://{}", server.at);
    let empty = Shell::done(shell.run(&["instances", "list"]).await);
    assert_eq!(
        empty.split_whitespace().collect::<Vec<_>>().join(" "),
        "INSTANCE ID URL STATUS OWNER SLUG LAST HEARTBEAT"
    );

    let words = [
        "i",
        "register",
        "--id",
        "inst_12345",
        "--slug",
        "web",
        "--url",
        &url,
        "--status",
        "Healthy",
        "--tag",
        "a",
        "--tag",
        "b",
    ];
    assert!(Shell::done(shell.run(&words).await).contains("inst_12345"));
    for words in [
        &["instances", "ls"][..],
        &["i", "ls"],
        &["instance", "list", "--slug", "web", "--tag", "a", "--status", "Healthy"],
    ] {
        let list = Shell::done(shell.run(words).await);
        let line = list.lines().nth(1).unwrap_or_else(|| panic!("{list}"));
        assert!(
            line.starts_with("inst_12345")
                && line.contains(&url)
                && line.contains("Healthy")
                && line.contains("web"),
            "{line}"
        );
    }
    let other = Shell::done(shell.run(&["i", "ls", "--slug", "billing"]).await);
    assert_eq!(other.lines().count(), 1);
    let wide = Shell::done(shell.run(&["-o", "wide", "i", "ls"]).await);
    assert!(wide.contains("a,b") && wide.contains("WEIGHT"), "{wide}");
    let document: Value =
        serde_json::from_str(&Shell::done(shell.run(&["i", "ls", "-o", "json"]).await)).unwrap();
    assert_eq!(document["instances"][0]["id"], "inst_12345");

    Shell::done(shell.run(&["i", "heartbeat", "inst_12345"]).await);
    assert!(Shell::done(shell.run(&["i", "show", "inst_12345"]).await).contains("slug: web"));
    Shell::done(shell.run(&["i", "drain", "inst_12345", "--reason", "upgrade"]).await);
    assert!(Shell::done(shell.run(&["i", "ls"]).await).contains("draining"));
    Shell::done(shell.run(&["i", "drain", "inst_12345", "--undo"]).await);
    assert!(!Shell::done(shell.run(&["i", "ls"]).await).contains("draining"));

    Shell::done(shell.run(&["instances", "rm", "inst_12345"]).await);
    let again = shell.run(&["instances", "remove", "inst_12345"]).await;
    assert_eq!(again.code, 1, "{}", again.stderr);
    assert!(again.stderr.contains("inst_12345") && again.stderr.contains("request"), "{}", again.stderr);
}

#[tokio::test]
async fn nodes_are_listed_and_removed() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let put = shell.run(&["put", "/registry-svc/node", "--url=http://worker-1"]).await;
    Shell::done(put);
    for words in [&["nodes", "list"][..], &["n", "ls"]] {
        let list = Shell::done(shell.run(words).await);
        assert!(
            list.starts_with("NODE ID") && list.contains("http://worker-1:11337") && list.contains("ago"),
            "{list}"
        );
    }
    assert!(Shell::done(shell.run(&["n", "show", "http://worker-1:11337"]).await).contains("worker-1"));
    Shell::done(shell.run(&["nodes", "delete", "http://worker-1:11337"]).await);
    assert!(!Shell::done(shell.run(&["nodes", "ls"]).await).contains("worker-1"));
    assert_eq!(shell.run(&["n", "rm", "http://worker-1:11337"]).await.code, 1);
}

#[tokio::test]
async fn any_route_is_called() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let server = Server::start("one").await;
    let url = format!("--url=http://{}", server.at);
    let made = shell
        .run(&[
            "put",
            "/registry-svc/instance",
            "--id=inst_myservice_001",
            &url,
            "--slug=my-service",
            "--status=Healthy",
            "--tags=[\"x\"]",
            "--check.type=none",
            "--weight=50",
        ])
        .await;
    let made: Value = serde_json::from_str(&Shell::done(made)).unwrap();
    assert_eq!((&made["instance"]["weight"], &made["instance"]["tags"][0]), (&50.into(), &"x".into()));
    let list = Shell::done(shell.run(&["get", "/registry-svc/instances", "--slug=my-service"]).await);
    assert!(list.contains("inst_myservice_001"), "{list}");
    let list = Shell::done(shell.run(&["get", "/registry-svc/instances?slug=other"]).await);
    assert!(!list.contains("inst_myservice_001"), "{list}");
    let own: Value =
        serde_json::from_str(&Shell::done(shell.run(&["get", "/registry-svc/node/self"]).await)).unwrap();
    assert!(own["node"]["id"].is_string(), "{own}");
    let nodes: Value =
        serde_json::from_str(&Shell::done(shell.run(&["post", "/registry-svc/nodes"]).await)).unwrap();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1);
    Shell::done(shell.run(&["delete", "/registry-svc/instance/inst_myservice_001"]).await);

    let bad = shell.run(&["put", "/registry-svc/instance", "--slug=web", "--url=nonsense"]).await;
    assert_eq!(bad.code, 1);
    assert!(bad.stderr.contains("url") || bad.stderr.contains("URL"), "{}", bad.stderr);
    for words in [&["get", "registry-svc/instances"][..], &["get", "/x", "slug=web"], &["get"]] {
        assert_eq!(shell.run(words).await.code, 2, "{words:?}");
    }
    let viewer = gateway.token("viewer").await;
    let refused = Shell::new(&gateway, &viewer).run(&["delete", "/registry-svc/instance/inst_1"]).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    // What is no JSON is shown as it is.
    register(&gateway, &admin, "web", server.at).await;
    let text = Shell::done(shell.run(&["get", "/svc/web/cookies"]).await);
    assert_eq!(text, "<script>1</script>\n");
}

#[tokio::test]
async fn a_watch_shows_what_changes() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let shell = Shell::new(&gateway, &admin);
    let mut child = shell.command(&["i", "ls", "--watch"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        line.expect("a line in time").unwrap().unwrap()
    };
    assert!(next().await.starts_with("INSTANCE ID"));
    let server = Server::start("one").await;
    let id = register(&gateway, &admin, "web", server.at).await;
    assert!(next().await.starts_with("INSTANCE ID"));
    assert!(next().await.starts_with(&id));
    child.kill().await.unwrap();
}
