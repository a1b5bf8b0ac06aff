//! `convox exec`: a command in a process, its output, its exit status.

use super::{
    auth::Role,
    call::Call,
    model::{App, Process},
    processes,
    reply::{Answer, Refusal},
    shell::{Shell, Stdio},
    socket::{self, Input, Output, Pings, Terms},
};
use std::io;
use tokio_util::sync::CancellationToken;

/// Precedes the exit status in the frame that ends a command's output.
const EXIT_MARKER: &str = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D";
/// The status of a command whose process was stopped under it.
const KILLED: u8 = 137;

pub const TERMS: Terms = Terms { needs: Role::Write, pings: Pings::Answered };

/// `pid` may also be the name of a service: then any of its processes will do.
pub fn open(call: Call, app: &str, pid: &str) -> Answer {
    let command = call.header("Command").unwrap_or_default();
    let found = find(&call, app, pid);
    socket::accept(call, TERMS, move |input, output| async move {
        match found {
            Ok((mut shell, stop)) => {
                shell.stdio = Stdio::Socket(input, output.clone());
                talk(shell, &command, &output, stop).await
            }
            Err(refusal) => {
                mark(&output, 1).await?;
                output.fail(&refusal.to_string()).await
            }
        }
    })
}

/// A shell on an instance, which has no app's environment.
pub fn on_instance(call: Call, id: &str) -> Answer {
    let command = call.header("Command").filter(|command| !command.is_empty());
    let known = call.world().instances.iter().any(|instance| instance.id == id);
    let id = id.to_owned();
    socket::accept(call, TERMS, move |input: Input, output: Output| async move {
        if !known {
            mark(&output, 1).await?;
            return output.fail(&Refusal::no_such("instance", id).to_string()).await;
        }
        let stdio = Stdio::Socket(input, output.clone());
        let shell = Shell { env: Default::default(), files: Default::default(), stdio };
        talk(shell, &command.unwrap_or_else(|| "sh".into()), &output, CancellationToken::new()).await
    })
}

async fn talk(mut shell: Shell, command: &str, output: &Output, stop: CancellationToken) -> io::Result<()> {
    let status = tokio::select! {
        status = shell.run(command) => status?,
        () = stop.cancelled() => KILLED,
    };
    mark(output, status).await?;
    output.end().await
}

async fn mark(output: &Output, status: u8) -> io::Result<()> {
    output.text(format!("{EXIT_MARKER}:{status}\n").as_bytes()).await
}

fn find(call: &Call, app: &str, pid: &str) -> Result<(Shell, CancellationToken), Refusal> {
    let world = call.world();
    let app = world.app(app)?;
    let process = by_id_or_service(app, pid)?;
    Ok((processes::shell(app, process), process.stop.clone()))
}

fn by_id_or_service<'a>(app: &'a App, pid: &str) -> Result<&'a Process, Refusal> {
    let of_service = || app.processes.iter().find(|process| process.service == pid && !process.one_off);
    app.process(pid).or_else(|missing| of_service().ok_or(missing))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, until_end};
    use super::EXIT_MARKER;
    use futures_util::{SinkExt as _, StreamExt as _};
    use std::time::Duration;
    use tokio::io::AsyncReadExt as _;
    use tokio_tungstenite::tungstenite::Message;

    const EXEC: &str = "/apps/web/processes/web-6f9d-abcde/exec";

    fn marker(status: u8) -> String {
        format!("{EXIT_MARKER}:{status}\n")
    }

    #[tokio::test]
    async fn tells_output_and_status_in_frames_of_their_own() {
        let client = Client::start().await;
        let mut socket = client.socket(EXEC, &[("command", "echo leaving; exit 7")]).await;
        assert_eq!(until_end(&mut socket).await, ["leaving\n".to_owned(), marker(7)]);
        for (command, expected) in [
            ("exit 0", marker(0)),
            ("echo $FOO && sh -c 'exit 3'", format!("bar\n{}", marker(3))),
            ("seq 3", format!("1\n2\n3\n{}", marker(0))),
            ("frobnicate", format!("sh: frobnicate: command not found\n{}", marker(127))),
        ] {
            assert_eq!(client.exec(EXEC, command).await, expected, "{command}");
        }
        let by_service = client.exec("/apps/web/processes/worker/exec", "echo $SERVICE").await;
        assert_eq!(by_service, format!("worker\n{}", marker(0)));
    }

    #[tokio::test]
    async fn an_unknown_process_is_an_error_after_the_handshake() {
        let client = Client::start().await;
        let mut socket = client.socket("/apps/web/processes/nopid/exec", &[("command", "echo hi")]).await;
        assert_eq!(until_end(&mut socket).await, [marker(1), "ERROR: no such process: nopid\n".to_owned()]);
        let mut socket = client.socket_as(("convox", "wrong"), EXEC, &[("command", "exit 7")]).await;
        assert_eq!(until_end(&mut socket).await, ["ERROR: invalid authentication\n"]);
    }

    #[tokio::test]
    async fn carries_input_until_the_clients_end_and_answers_pings() {
        let client = Client::start().await;
        let mut socket = client.socket(EXEC, &[("command", "cat")]).await;
        socket.send(Message::Ping("x".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("x".into()));
        socket.send(Message::text("hello\n")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello\n"));
        socket.send(Message::binary(Vec::new())).await.unwrap();
        assert_eq!(until_end(&mut socket).await, [marker(0)]);
    }

    #[tokio::test]
    async fn stays_open_after_the_end_and_sends_no_close() {
        let client = Client::start().await;
        let mut socket = client.socket(EXEC, &[("command", "true")]).await;
        until_end(&mut socket).await;
        let silence = tokio::time::timeout(Duration::from_millis(100), socket.next()).await;
        assert!(silence.is_err(), "{silence:?}");
        assert_eq!(client.rack.open_sockets(), 1);
        let cut = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap();
        assert!(!matches!(cut, Some(Ok(_))), "the connection ends without a Close frame: {cut:?}");
    }

    #[tokio::test]
    async fn a_stopped_process_ends_what_runs_in_it() {
        let client = Client::start().await;
        let mut socket = client.socket(EXEC, &[("command", "sleep 60")]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.form_ok("DELETE", "/apps/web/processes/web-6f9d-abcde", &[]).await;
        assert_eq!(until_end(&mut socket).await, [marker(137)]);
    }

    #[tokio::test]
    async fn an_interactive_shell_reads_lines() {
        let client = Client::start().await;
        let mut socket = client.socket(EXEC, &[("command", "bash")]).await;
        socket.send(Message::text("echo one\nexit")).await.unwrap();
        socket.send(Message::text(" 4\n")).await.unwrap();
        assert_eq!(until_end(&mut socket).await, ["one\n".to_owned(), marker(4)]);
        assert_eq!(client.exec("/instances/node-a/shell", "exit 2").await, marker(2));
        assert!(client.exec("/instances/nope/shell", "exit 2").await.starts_with(&marker(1)));
    }

    /// Speaks bytes, as the libraries refuse what a rack really sends.
    #[tokio::test]
    async fn large_output_is_fragmented_and_need_not_be_text() {
        let client = Client::start().await;
        let request = format!(
            "GET {EXEC} HTTP/1.1\r\nHost: rack\r\nAuthorization: Basic Y29udm94OnNla3JldDEyMw==\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\nCommand: bytes 65536\r\n\r\n"
        );
        let (head, mut stream) = client.raw(&request).await;
        assert!(head.starts_with("HTTP/1.1 101") && !head.to_lowercase().contains("request-id"), "{head}");
        let mut wire = vec![0; 64 * 1024 + 10 + 2 + 41 + 2];
        stream.read_exact(&mut wire).await.unwrap();
        assert_eq!(wire[..10], [0x01, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(wire[10..10 + 65_536], super::super::noise(65_536));
        let rest = &wire[10 + 65_536..];
        assert_eq!(rest[..2], [0x80, 0]);
        assert_eq!(rest[2..4], [0x81, 39]);
        assert_eq!(&rest[4..43], marker(0).as_bytes());
        assert_eq!(rest[43..], [0x82, 0]);
    }
}
