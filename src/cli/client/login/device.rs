//! By a code that the person types into a browser anywhere (RFC 8628), bound to this process by PKCE.

use super::{Machine, failed, patience, say};
use crate::{
    cli::{
        client::http::{Answer, Api},
        failure::Failure,
    },
    identity::cli_login::Verifier,
};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What a client adds to its pause when it is told to slow down.
const SLOWER: Duration = Duration::from_secs(5);

pub async fn log_in(api: &Api, machine: &Machine) -> Result<Answer, Failure> {
    let verifier = Verifier::generate();
    let wanted = json!({ "client_id": "rack-gateway", "code_challenge": verifier.challenge().as_str() });
    let begun = api.post("/api/v1/auth/device/code", &machine.with(wanted)).await?;
    if !begun.status.is_success() {
        return Err(begun.failure());
    }
    say(&format!("Open {} and type the code {}", begun.text("verification_uri"), begun.text("user_code")));
    say("Waiting for you to confirm the login in your browser...");
    wait(api, &begun, &verifier).await
}

async fn wait(api: &Api, begun: &Answer, verifier: &Verifier) -> Result<Answer, Failure> {
    let end = Instant::now() + patience(begun);
    let mut pause = Duration::from_secs(begun.number("interval").unwrap_or(5).clamp(1, 60));
    let question = json!({
        "grant_type": GRANT,
        "client_id": "rack-gateway",
        "device_code": begun.text("device_code"),
        "code_verifier": verifier.expose(),
    });
    loop {
        sleep(pause).await;
        if Instant::now() >= end {
            return Err(failed("it was not confirmed in time; start it again"));
        }
        // A gateway that is away for a moment is asked again.
        let Ok(answer) = api.post("/api/v1/auth/device/token", &question).await else { continue };
        match answer.text("error") {
            "" if answer.status.is_success() => return Ok(answer),
            "authorization_pending" => {}
            "slow_down" => pause += SLOWER,
            _ if answer.status.is_server_error() || answer.status.as_u16() == 429 => pause += SLOWER,
            "access_denied" => return Err(failed("it was refused in the browser")),
            "expired_token" => return Err(failed("it was not confirmed in time; start it again")),
            _ => return Err(answer.failure()),
        }
    }
}
