//! The real binary as a client, over pipes, as a script would run it.

use super::{Browser, TestGateway, gateway};
use crate::support::gateway::until_status;
use serde_json::Value;
use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
};

/// Somebody's machine: a home, and nothing else in the environment.
struct Machine {
    home: TempDir,
    env: Vec<(&'static str, String)>,
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn is(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Machine {
    fn new() -> Self {
        Self { home: TempDir::new().unwrap(), env: Vec::new() }
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".config/rack-gateway/config.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rack-gateway"));
        command.args(arguments).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.command(arguments).output());
        ended.await.expect("an end in time").unwrap().into()
    }

    /// Begins a login and gives the process and the code that it shows.
    async fn begin_login(
        &self,
        gateway: &TestGateway,
    ) -> (Child, BufReader<tokio::process::ChildStderr>, String) {
        let mut child = self.command(&["login", "staging", &gateway.url("")]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut told, mut line) = (String::new(), String::new());
        while lines.read_line(&mut line).await.unwrap() > 0 {
            if let Some((_, code)) = line.trim().split_once("type the code ") {
                return (child, lines, code.to_owned());
            }
            told.push_str(&line);
            line.clear();
        }
        panic!("no code is shown:\n{told}");
    }

    async fn log_in(&self, gateway: &TestGateway, person: &Browser) -> Ended {
        let (child, rest, code) = self.begin_login(gateway).await;
        gateway.decide(person, &code, "approve").await.is(200);
        ended(child, rest).await
    }
}

async fn ended(child: Child, mut rest: BufReader<tokio::process::ChildStderr>) -> Ended {
    let waiting = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output());
    let mut ended: Ended = waiting.await.expect("an end in time").unwrap().into();
    rest.read_to_string(&mut ended.stderr).await.unwrap();
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_over_a_pipe_and_all_that_follows() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let machine = Machine::new();
    let done = machine.log_in(&gateway, &person).await;
    assert_eq!(done.is(0).stdout, format!("✓ Successfully logged in to staging as {}\n", person.email));

    let config = machine.config();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&config), mode(config.parent().unwrap())), (0o600, 0o700));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&config).unwrap()).unwrap();
    assert_eq!(kept["current"], "staging");
    let login = &kept["gateways"]["staging"];
    assert_eq!((&login["email"], &login["channel"]), (&person.email.as_str().into(), &"cli".into()));
    let token = login["token"].as_str().unwrap().to_owned();

    let me = machine.run(&["whoami"]).await;
    for part in [
        "Rack:     staging",
        &format!("User:     {} (Ada)", person.email),
        "viewer on *",
        "MFA:      enrolled, proved until",
        "Expires:  20",
    ] {
        assert!(me.is(0).stdout.contains(part), "{part}: {}", me.stdout);
    }
    let me = machine.run(&["whoami", "-o", "json"]).await.is(0).json();
    assert_eq!(
        (&me["email"], &me["token"], &me["mfa"]["enrolled"]),
        (&person.email.as_str().into(), &Value::Null, &true.into())
    );
    assert_eq!((&me["roles"][0]["role"], &me["roles"][0]["target"]), (&"viewer".into(), &"*".into()));

    let env = machine.run(&["convox-env"]).await;
    let host = gateway.address();
    assert_eq!(
        env.is(0).stdout,
        format!("export RACK_URL='http://convox:{token}@{host}/api/v1/rack-proxy'\n")
    );
    let url = env.stdout.trim().trim_start_matches("export RACK_URL='").trim_end_matches('\'').to_owned();
    let apps = reqwest::Client::new().get(format!("{url}/apps")).send().await.unwrap();
    assert_eq!(apps.status(), 200, "the variable works as the stock client uses it");

    let with_code = machine.run(&["convox-env", "--mfa-code", "123456"]).await;
    assert!(with_code.is(0).stdout.contains(&format!("convox:{token}.totp.123456@")), "{}", with_code.stdout);
    for code in ["12345", "'; rm -rf /", ""] {
        machine.run(&["convox-env", "--mfa-code", code]).await.is(2);
    }

    let out = machine.run(&["logout"]).await;
    assert_eq!(out.is(0).stdout, "✓ Logged out from staging\n");
    let me = gateway.own(&token, "GET /api/v1/me").send().await.unwrap();
    assert_eq!(me.status(), 401, "it ended at the gateway too");
    let kept = std::fs::read_to_string(&config).unwrap();
    assert!(!kept.contains("rgs_") && kept.contains(&gateway.url("")), "{kept}");
    let refused = machine.run(&["whoami"]).await;
    assert!(
        refused
            .is(3)
            .stderr
            .starts_with("error: not logged in to staging; run `rack-gateway login staging http"),
        "{}",
        refused.stderr
    );
    gateway.stop().await;
}

/// A browser that only notes which page it was opened with.
#[cfg(target_os = "linux")]
async fn opened(machine: &mut Machine) -> PathBuf {
    let (tools, page) = (machine.home.path().join("bin"), machine.home.path().join("page"));
    std::fs::create_dir(&tools).unwrap();
    let browser = tools.join("xdg-open");
    let script = format!("#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n", page.display());
    std::fs::write(&browser, script).unwrap();
    std::fs::set_permissions(&browser, Permissions::from_mode(0o755)).unwrap();
    machine.env.push(("PATH", format!("{}:/usr/bin:/bin", tools.display())));
    page
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_brings_the_answer_back() {
    for (decision, code) in [("approve", 0), ("deny", 3)] {
        let gateway = gateway().await;
        let person = gateway.browser().await;
        let mut machine = Machine::new();
        let page = opened(&mut machine).await;
        let child = machine.command(&["login", "staging", &gateway.url(""), "--browser"]).spawn().unwrap();
        let mut address = String::new();
        for _ in 0..600 {
            address = std::fs::read_to_string(&page).unwrap_or_default();
            if !address.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (_, request) = address.split_once("/app/cli/confirm?request=").expect("the page that is opened");
        let shown = gateway.decide(&person, request, "show").await;
        assert_eq!(shown.is(200).text("flow"), "loopback");
        let decided = gateway.decide(&person, request, decision).await;
        let redirect = decided.is(200).text("redirect").to_owned();
        let stray = reqwest::get(redirect.replace("state=", "state=x")).await.unwrap();
        assert_eq!(stray.status(), 404, "an answer to another question");
        let told = reqwest::get(redirect).await.unwrap();
        assert_eq!(told.status(), 200);
        let done: Ended = child.wait_with_output().await.unwrap().into();
        assert!(done.is(code).stderr.contains(shown.text("user_code")), "{}", done.stderr);
        assert_eq!(machine.config().exists(), code == 0);
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_ends_with_3_and_keeps_nothing() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let machine = Machine::new();
    let (child, rest, code) = machine.begin_login(&gateway).await;
    gateway.decide(&person, &code, "deny").await.is(200);
    let done = ended(child, rest).await;
    assert!(
        done.is(3).stderr.contains("error: login failed: it was refused in the browser"),
        "{}",
        done.stderr
    );
    assert!(!machine.config().exists());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_ends_the_first() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let machine = Machine::new();
    machine.log_in(&gateway, &person).await.is(0);
    machine.log_in(&gateway, &person).await.is(0);
    let sessions = gateway.db.sessions_of(person.user).await.unwrap();
    let open = sessions.iter().filter(|row| row.channel == "cli" && row.revoked_at.is_none());
    assert_eq!((sessions.len(), open.count()), (3, 1));
    let devices: std::collections::BTreeSet<_> =
        sessions.iter().filter(|row| row.channel == "cli").map(|row| row.device_id.as_str()).collect();
    assert_eq!(devices.len(), 1, "the same machine");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_says_what_to_do() {
    let gateway = gateway().await;
    let person = gateway.browser().await;
    let machine = Machine::new();
    machine.log_in(&gateway, &person).await.is(0);
    gateway.db.revoke_sessions(person.user, "admin", gateway.clock.now()).await.unwrap();
    until_status(|| gateway.own(&person.secret, "GET /api/v1/me"), 401).await;
    let refused = machine.run(&["whoami"]).await;
    assert!(
        refused.is(3).stderr.contains("does not take the login any more; run `rack-gateway login staging"),
        "{}",
        refused.stderr
    );
    machine.run(&["logout"]).await.is(0);
    machine.run(&["logout"]).await.is(3);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_environment_needs_no_login() {
    let gateway = gateway().await;
    let token = gateway.token("viewer").await;
    let machine = Machine {
        env: vec![("RACK_GATEWAY_URL", gateway.url("")), ("RACK_GATEWAY_API_TOKEN", token.clone())],
        ..Machine::new()
    };
    let me = machine.run(&["whoami", "-o", "json"]).await.is(0).json();
    assert_eq!((&me["rack"], &me["mfa"]), (&Value::Null, &Value::Null));
    assert!(me["token"].as_str().unwrap().starts_with("viewer-"), "{me}");
    assert!(machine.run(&["convox-env", "demo"]).await.is(0).stdout.contains(&format!("convox:{token}@")));
    machine.run(&["logout"]).await.is(2);
    assert!(!machine.config().exists());
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_kept_here_needs_no_gateway() {
    let machine = Machine::new();
    let none = machine.run(&["racks"]).await;
    assert!(none.is(0).stdout.starts_with("No racks configured."), "{}", none.stdout);
    machine.run(&["rack"]).await.is(3);
    std::fs::create_dir_all(machine.config().parent().unwrap()).unwrap();
    let hostile = r#"{"current":"b","gateways":{"a":{"url":"https://a.example","token":"rgs_a","email":"eve\u001b[2J@example.com","expires_at":"2999-01-01T00:00:00Z"},"b":{"url":"https://b.example","token":"rgs_b","expires_at":"2020-01-01T00:00:00Z"}}}"#;
    std::fs::write(machine.config(), hostile).unwrap();
    std::fs::set_permissions(machine.config(), Permissions::from_mode(0o644)).unwrap();
    let open = machine.run(&["racks"]).await;
    assert!(open.is(1).stderr.contains("is open to others (mode 644); run `chmod 600"), "{}", open.stderr);
    std::fs::set_permissions(machine.config(), Permissions::from_mode(0o600)).unwrap();

    assert_eq!(machine.run(&["racks"]).await.is(0).stdout, "Configured racks:\n  a\n* b\n");
    assert!(machine.run(&["rack"]).await.is(3).stdout.contains("Status: Token expired"));
    let expired = machine.run(&["whoami"]).await;
    assert!(expired.is(3).stderr.contains("the login to b has expired"), "{}", expired.stderr);
    assert_eq!(machine.run(&["switch", "a"]).await.is(0).stdout, "✓ Switched to rack: a\n");
    machine.run(&["switch", "c"]).await.is(1);
    let shown = machine.run(&["rack"]).await;
    assert!(shown.is(0).stdout.contains(r"Logged in as eve\u{1b}[2J@example.com"), "{}", shown.stdout);
    let json = machine.run(&["rack", "--rack", "b", "-o", "json"]).await.is(3).json();
    assert_eq!((&json["status"], &json["url"]), (&"expired".into(), &"https://b.example".into()));
}

#[tokio::test]
async fn tokens_do_not_travel_in_the_clear() {
    let machine = Machine::new();
    for url in ["http://gateway.example.com", "ftp://x", "https://user:password@x"] {
        let refused = machine.run(&["login", "staging", url]).await;
        assert!(refused.is(2).stderr.contains("invalid value"), "{}", refused.stderr);
    }
    machine.run(&["login"]).await.is(2);
    machine.run(&["login", "new"]).await.is(2);
    let away = machine.run(&["login", "staging", "http://127.0.0.1:1"]).await;
    assert!(away.is(1).stderr.contains("cannot reach http://127.0.0.1:1"), "{}", away.stderr);
}

/// A server that is no gateway, or means harm, reaches the terminal as text.
#[tokio::test]
async fn hostile_answers_are_harmless() {
    for (head, body, code, told) in [
        (
            "200 OK",
            r#"{"verification_uri":"\u001b[2J","user_code":"\u0007x","device_code":"d","interval":1,"expires_in":1}"#,
            3,
            "was not confirmed in time",
        ),
        ("400 Bad Request", r#"{"error":"a\u001b]0;owned\u0007b"}"#, 1, r"error: a\u{1b}]0;owned\u{7}b"),
        ("302 Found\r\nLocation: http://evil.example/", "", 1, "sends us elsewhere"),
        ("200 OK", "<html>", 1, "does not answer like a gateway"),
        ("500 Internal Server Error", "", 1, "the gateway answered 500"),
    ] {
        let (url, serving, _) = server(head, body).await;
        let ended = Machine::new().run(&["login", "staging", &url]).await;
        assert!(ended.is(code).stderr.contains(told), "{told}: {}", ended.stderr);
        assert!(
            ended.stderr.chars().all(|character| character == '\n' || !character.is_control()),
            "{:?}",
            ended.stderr
        );
        serving.abort();
    }
}

/// Answers everything alike; gives its address, its task, and the request lines that it saw.
async fn server(head: &str, body: &str) -> (String, tokio::task::JoinHandle<()>, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let lines = seen.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut room = [0u8; 4096];
            let count = stream.read(&mut room).await.unwrap();
            let text = String::from_utf8_lossy(&room[..count]).into_owned();
            lines.lock().unwrap().push(text.lines().next().unwrap_or_default().to_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, serving, seen)
}

#[tokio::test]
async fn the_answer_to_can_i_is_an_exit_code_too() {
    for (body, code, told) in [
        (r#"{"allowed":true,"because":"ops on * allows it"}"#, 0, "yes: ops on * allows it\n"),
        (r#"{"allowed":false,"because":"no grant\u001b[2J"}"#, 3, "no: no grant\\u{1b}[2J\n"),
        (r#"{"because":"x"}"#, 1, ""),
    ] {
        let (url, serving, seen) = server("200 OK", body).await;
        let machine = Machine {
            env: vec![("RACK_GATEWAY_URL", url), ("RACK_GATEWAY_API_TOKEN", "rgw_x".to_owned())],
            ..Machine::new()
        };
        assert_eq!(machine.run(&["can-i", "app:restart", "staging/web"]).await.is(code).stdout, told);
        let line =
            "GET /api/v1/access/explain?permission=convox%3Aapp%3Arestart&target=staging%2Fweb HTTP/1.1";
        assert_eq!(seen.lock().unwrap().as_slice(), [line]);
        machine.run(&["can-i", "fly", "staging"]).await.is(2);
        serving.abort();
    }
}
