//! `login`: a session of one's own at a gateway, confirmed in a browser.

mod browser;
mod device;
mod loopback;

use super::{
    Client, KeptIn,
    http::{Answer, Api},
    store::{Kept, Login as Session, Store},
    url,
};
use crate::{
    cli::{
        failure::Failure,
        output::{Report, plain},
    },
    core::Secret,
};
use clap::Args;
use rand::Rng as _;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

/// Log in to a gateway: a browser opens, or, where there is none, a code is shown
#[derive(Debug, Args)]
pub struct Login {
    /// What to call the gateway here; the current one unless named
    name: Option<String>,
    /// Its address; needed the first time
    #[arg(value_parser = url::gateway)]
    url: Option<String>,
    /// Show a code to type into a browser, on this machine or another
    #[arg(long, visible_aliases = ["no-browser", "no-open"])]
    device: bool,
    /// Open a browser on this machine, although nobody seems to sit at it
    #[arg(long, conflicts_with = "device")]
    browser: bool,
    #[command(flatten)]
    kept_in: KeptIn,
}

/// What `login -o json` prints. The session itself is in the file.
#[derive(Debug, Serialize)]
struct LoggedIn<'a> {
    rack: &'a str,
    url: &'a str,
    email: &'a str,
    expires_at: &'a str,
    session_id: &'a str,
    mfa_verified: bool,
    enrollment_required: bool,
}

/// What every way of logging in tells the gateway of this machine.
#[derive(Clone, Debug)]
struct Machine {
    id: String,
    name: String,
}

impl Machine {
    fn of(kept: &Kept) -> Self {
        Self { id: kept.machine_id.clone().unwrap_or_else(new_id), name: host_name() }
    }

    fn facts(&self) -> Value {
        json!({
            "device_id": self.id,
            "device_name": self.name,
            "device_os": std::env::consts::OS,
            "client_version": env!("CARGO_PKG_VERSION"),
        })
    }

    /// The facts and these fields.
    fn with(&self, fields: Value) -> Value {
        let (mut facts, Value::Object(fields)) = (self.facts(), fields) else { return self.facts() };
        if let Some(facts) = facts.as_object_mut() {
            facts.extend(fields);
        }
        facts
    }
}

fn new_id() -> String {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn host_name() -> String {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let name =
        read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "unnamed machine".to_owned()).chars().take(100).collect()
}

impl Login {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let place = client.place(&self.kept_in)?;
        let (name, url) = self.gateway(&place.kept)?;
        let api = Api::new(&url, None)?;
        let machine = Machine::of(&place.kept);
        say(&format!("Starting login for rack: {name} via gateway: {url}"));
        let answer = match self.has_browser(client) {
            true => loopback::log_in(&api, &machine).await?,
            false => device::log_in(&api, &machine).await?,
        };
        let session = session(&url, &answer)?;
        let before = keep(&place.store, &name, &machine, session.clone())?;
        end(before, &session).await;
        Ok(report(&name, &session, &answer))
    }

    fn gateway(&self, kept: &Kept) -> Result<(String, String), Failure> {
        let Some(name) = self.name.clone().or_else(|| kept.current.clone()) else {
            return Err(Failure::Usage(
                "name the gateway and its address: rack-gateway login NAME URL".to_owned(),
            ));
        };
        let fits = !name.is_empty()
            && name.len() <= 100
            && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if !fits {
            return Err(Failure::Usage("the name of a gateway is one word, as in staging".to_owned()));
        }
        if let Some(url) = &self.url {
            return Ok((name, url.clone()));
        }
        let Some(login) = kept.gateways.get(&name) else {
            return Err(Failure::Usage(format!(
                "{name} is new here; write its address: rack-gateway login {name} URL"
            )));
        };
        let url = url::gateway(&login.url).map_err(|problem| {
            Failure::Usage(format!("the address kept for {name}, {}, {problem}", login.url))
        })?;
        Ok((name, url))
    }

    /// A browser is opened for a person who sits here, and can see it.
    fn has_browser(&self, client: Client<'_>) -> bool {
        let attended = io::stdin().is_terminal() && io::stdout().is_terminal();
        self.browser || (!self.device && attended && browser::is_there(client.env))
    }
}

/// The session in the gateway's answer.
fn session(url: &str, answer: &Answer) -> Result<Session, Failure> {
    let token = answer.text("token");
    if token.is_empty() {
        return Err(Failure::NotDone("login failed: the gateway sent no session".to_owned()));
    }
    Ok(Session {
        url: url.to_owned(),
        token: Secret::new(token),
        email: answer.text("email").to_owned(),
        expires_at: answer.text("expires_at").to_owned(),
        session_id: answer.text("session_id").to_owned(),
        channel: answer.text("channel").to_owned(),
        device_id: answer.text("device_id").to_owned(),
        device_name: answer.text("device_name").to_owned(),
        mfa_verified: answer.body.get("mfa_verified").and_then(Value::as_bool).unwrap_or_default(),
        ..Session::default()
    })
}

/// Keeps the session, and gives the one that it replaces.
fn keep(store: &Store, name: &str, machine: &Machine, session: Session) -> Result<Option<Session>, Failure> {
    store.change(|kept| {
        kept.machine_id.get_or_insert_with(|| machine.id.clone());
        kept.current = Some(name.to_owned());
        kept.gateways.insert(name.to_owned(), session)
    })
}

/// Ends the session before this one. It is of no more use; when the gateway cannot be told, its own clock ends it.
async fn end(before: Option<Session>, now: &Session) {
    let Some(before) = before.filter(|before| before.url == now.url && !before.token.is_empty()) else {
        return;
    };
    if let Ok(api) = Api::new(&before.url, Some(&before.token)) {
        let _ = api.post("/api/v1/auth/logout", &json!({})).await;
    }
}

fn report(name: &str, session: &Session, answer: &Answer) -> Report {
    let enrollment_required =
        answer.body.get("enrollment_required").and_then(Value::as_bool).unwrap_or_default();
    let document = LoggedIn {
        rack: name,
        url: &session.url,
        email: &session.email,
        expires_at: &session.expires_at,
        session_id: &session.session_id,
        mfa_verified: session.mfa_verified,
        enrollment_required,
    };
    let report = Report::new(format!("✓ Successfully logged in to {name} as {}", session.email), &document);
    if enrollment_required {
        let page = format!("{}/app/account/security", session.url);
        return report.remark(format!("You need a second factor before you can go on; enrol one at {page}"));
    }
    report
}

/// Tells the person at the terminal something at once; stdout is for what comes of it all.
fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(sentence));
}

/// The time that a login may take, as the gateway told; ten minutes at most.
fn patience(answer: &Answer) -> Duration {
    Duration::from_secs(answer.number("expires_in").unwrap_or(600).clamp(1, 600))
}

fn failed(reason: &str) -> Failure {
    Failure::Refused(format!("login failed: {reason}"))
}
