//! Secrets in a rack's own words: its errors, its broken answers, its refusal of our credential.

use super::{
    canaries::Canaries,
    planted::{Caller, hunt, talkative},
};
use crate::support::{fake_rack::FakeRack, process::Process, socket::handshake, wire::Wire};

#[tokio::test]
async fn no_secret_of_a_racks_answer_is_written_down() {
    let canaries = Canaries::default();
    let plant = |place: &str| canaries.plant(place);
    let answer = |head: String, body: String| {
        format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let release = format!("[{{\"id\":\"R1\",\"env\":\"A=1\",\"note\": {}", plant("release that is not JSON"));
    let answers = vec![
        answer("400 Bad Request\r\n".into(), format!("bad value {}\n", plant("400"))),
        answer("500 Oops\r\n".into(), format!("cannot reach postgres://u:{}@db\n", plant("500"))),
        answer(format!("500 {}\r\n", plant("reason phrase")), String::new()),
        answer(
            format!("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"{}\"\r\n", plant("realm")),
            plant("401"),
        ),
        answer(format!("302 Found\r\nLocation: https://x/?code={}\r\n", plant("Location")), String::new()),
        answer(
            format!("200 OK\r\nSet-Cookie: a={}\r\nX-Note: {}\r\n", plant("Set-Cookie"), plant("header")),
            "[]".into(),
        ),
        answer("200 OK\r\n".into(), release),
        format!("{} is not HTTP\r\n\r\n", plant("garbage")).into_bytes(),
        format!("HTTP/1.1 200 OK\r\nX {}: 1\r\n\r\n", plant("bad header")).into_bytes(),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", plant("answer that breaks off"))
            .into_bytes(),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{}\r\n",
            plant("bad chunk")
        )
        .into_bytes(),
    ];
    let count = answers.len();
    let rack = FakeRack::choosing(answers).await;
    let password = plant("password of the rack");
    let (process, reports) = talkative(&rack.url(), &[("RACK_TOKEN", &password)]).await;
    let token = process.person("admin").await.token;
    canaries.know("good token", &token);
    let caller = Caller { process: &process, token: &token };
    for number in 0..count {
        let chosen = format!("X-Answer: {number}\r\n");
        for line in ["GET /apps", "GET /apps/web/releases", "POST /apps/web/restart"] {
            caller.send(line, &chosen, "").await;
        }
        let form = format!("{chosen}Content-Type: application/x-www-form-urlencoded\r\n");
        let secret = plant("environment for a failing rack");
        caller.send("POST /apps/web/releases", &form, &format!("env=A%3D{secret}")).await;
        send_only(&process, &handshake(&token, "/apps/web/logs", &chosen)).await;
        let path = "/apps/web/processes/web/exec";
        let command = format!("{chosen}Command: echo --password={}\r\n", plant("command for a failing rack"));
        send_only(&process, &handshake(&token, path, &command)).await;
    }
    let log = process.log.text();
    assert!(log.contains("cannot ask the rack"), "operators learn the cause: {log}");
    hunt(&canaries, process, &reports).await;
    assert!(!reports.seen().is_empty(), "failures were reported");
}

/// Whatever the answer is: some of these racks break off before there is one.
async fn send_only(process: &Process, request: &str) {
    let mut wire = Wire::open(process.address).await;
    wire.send(request).await;
    wire.try_head().await;
}
