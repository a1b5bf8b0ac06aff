//! By a redirect of the browser to a port of this machine (RFC 8252), with PKCE. The code never passes another
//! machine, so a login that somebody else began cannot end here.

use super::{Machine, browser, failed, patience, say};
use crate::{
    cli::{
        client::http::{Answer, Api},
        failure::Failure,
    },
    core::Secret,
    identity::cli_login::Verifier,
};
use serde_json::json;
use std::{io, net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use url::form_urlencoded;

const PATH: &str = "/callback";
/// Longest head of a request that is read.
const LIMIT: usize = 16 * 1024;
const SLOWEST: Duration = Duration::from_secs(10);

const DONE: &str = "You are logged in. You can close this window and go back to the terminal.";
const REFUSED: &str = "The login was refused. You can close this window.";
const STRAY: &str = "There is nothing here.";

pub async fn log_in(api: &Api, machine: &Machine) -> Result<Answer, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| no_port(&error))?;
    let port = listener.local_addr().map_err(|error| no_port(&error))?.port();
    let verifier = Verifier::generate();
    let state = Secret::new(Verifier::generate().expose());
    let wanted = json!({
        "redirect_uri": format!("http://127.0.0.1:{port}{PATH}"),
        "code_challenge": verifier.challenge().as_str(),
        "state": state.expose(),
    });
    let begun = api.post("/api/v1/auth/cli/loopback", &machine.with(wanted)).await?;
    if !begun.status.is_success() {
        return Err(begun.failure());
    }
    browser::open(begun.text("auth_url"));
    say(&format!("Confirm the login there, if it shows the code {}", begun.text("user_code")));
    let waiting = tokio::time::timeout(patience(&begun), redirected(&listener, &state));
    let code = waiting.await.map_err(|_| failed("it was not confirmed in time; start it again"))?;
    let code = code.ok_or_else(|| failed("it was refused in the browser"))?;
    let wanted = json!({ "code": code.expose(), "code_verifier": verifier.expose() });
    let answer = api.post("/api/v1/auth/cli/token", &wanted).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(answer.failure()) }
}

fn no_port(error: &io::Error) -> Failure {
    Failure::NotDone(format!("cannot wait for the browser on 127.0.0.1: {error}; try --device"))
}

/// Serves until the browser brings the answer that belongs to `state`; `None` is a refusal. A browser may open
/// connections that it never uses, so each is served on its own.
async fn redirected(listener: &TcpListener, state: &Secret) -> Option<Secret> {
    let (sender, mut answers) = mpsc::channel(1);
    loop {
        tokio::select! {
            Some(answer) = answers.recv() => return answer,
            Ok((stream, _)) = listener.accept() => {
                let (sender, state) = (sender.clone(), state.clone());
                tokio::spawn(async move {
                    if let Some(answer) = serve(stream, &state).await {
                        let _ = sender.send(answer).await;
                    }
                });
            }
        }
    }
}

async fn serve(mut stream: TcpStream, state: &Secret) -> Option<Option<Secret>> {
    let head = tokio::time::timeout(SLOWEST, read_head(&mut stream)).await.ok()?.ok()?;
    let answer = callback(&head, state);
    let (status, text) = match &answer {
        Some(Some(_)) => ("200 OK", DONE),
        Some(None) => ("200 OK", REFUSED),
        None => ("404 Not Found", STRAY),
    };
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    );
    // The answer counts, whether the browser stays to read ours or not.
    let _ = tokio::time::timeout(SLOWEST, stream.write_all(response.as_bytes())).await;
    let _ = stream.shutdown().await;
    answer
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut room = [0u8; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut room).await?;
        if count == 0 || head.len() + count > LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(room.get(..count).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// What the request line brings: a code, a refusal (`Some(None)`), or nothing that is meant for us.
fn callback(head: &str, state: &Secret) -> Option<Option<Secret>> {
    let mut words = head.lines().next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?')?;
    if method != "GET" || path != PATH {
        return None;
    }
    let find = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if !find("state").is_some_and(|given| state.matches(&given)) {
        return None;
    }
    match find("code") {
        Some(code) => Some(Some(Secret::new(code))),
        None => find("error").map(|_| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_our_question_counts() {
        let state = Secret::new("s-1");
        let code = |line: &str| callback(&format!("{line} HTTP/1.1\r\n\r\n"), &state);
        assert_eq!(code("GET /callback?code=a%2Bb&state=s-1").unwrap().unwrap().expose(), "a+b");
        assert!(code("GET /callback?error=access_denied&state=s-1").unwrap().is_none());
        for line in [
            "GET /callback?code=a&state=s-2",
            "GET /callback?code=a",
            "GET /callback?state=s-1",
            "GET /callback",
            "GET /favicon.ico?code=a&state=s-1",
            "POST /callback?code=a&state=s-1",
            "",
        ] {
            assert!(code(line).is_none(), "{line}");
        }
    }

    #[tokio::test]
    async fn strays_do_not_end_the_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let idle = TcpStream::connect(address).await.unwrap();
        let browser = tokio::spawn(async move {
            let get = |path: &str| reqwest::get(format!("http://{address}{path}"));
            let stray = get("/callback?code=evil&state=guess").await.unwrap();
            assert_eq!(stray.status(), 404);
            let page = get("/callback?code=good&state=s").await.unwrap();
            assert_eq!((page.status().as_u16(), page.text().await.unwrap().as_str()), (200, DONE));
        });
        let code = redirected(&listener, &Secret::new("s")).await;
        assert_eq!(code.unwrap().expose(), "good");
        browser.await.unwrap();
        drop(idle);
    }
}
