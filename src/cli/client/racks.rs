//! `rack`, `racks`, `switch`: what is kept here, without asking any gateway.

use super::{Client, KeptIn, Which, choice::Chosen};
use crate::{
    cli::{
        failure::{Exit, Failure},
        output::Report,
    },
    core::Timestamp,
};
use clap::Args;
use serde::Serialize;
use serde_json::json;

/// Show the current gateway and whether you are logged in
#[derive(Debug, Args)]
pub struct Rack {
    #[command(flatten)]
    which: Which,
}

/// List the gateways that you have logged in to
#[derive(Debug, Args)]
pub struct Racks {
    #[command(flatten)]
    kept_in: KeptIn,
}

/// Make another gateway the current one
#[derive(Debug, Args)]
pub struct Switch {
    name: String,
    #[command(flatten)]
    kept_in: KeptIn,
}

/// `rack -o json`.
#[derive(Debug, Serialize)]
struct View<'a> {
    rack: Option<&'a str>,
    url: &'a str,
    /// `logged in`, `not logged in` or `expired`.
    status: &'static str,
    email: &'a str,
    expires_at: Option<&'a str>,
}

impl Rack {
    pub fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let (_, chosen) = client.choose(&self.which)?;
        let (view, now) = (View::of(&chosen, client.clock.now()), client.clock.now());
        let status = match view.status {
            "logged in" if view.email.is_empty() => "Logged in with an API token".to_owned(),
            "logged in" => format!("Logged in as {}", view.email),
            "expired" => "Token expired".to_owned(),
            _ => "Not logged in".to_owned(),
        };
        let mut lines = vec![
            format!("Current rack: {}", chosen.label()),
            format!("Gateway URL: {}", view.url),
            format!("Status: {status}"),
        ];
        lines.extend(view.expires_at.map(|at| format!("Token expires: {at}")));
        let report = Report::new(lines.join("\n"), &view);
        let is_good = chosen.credential(now).is_ok();
        Ok(if is_good { report } else { report.with_exit(Exit::Refused) })
    }
}

impl<'a> View<'a> {
    fn of(chosen: &'a Chosen, now: Timestamp) -> Self {
        let login = &chosen.login;
        let status = match &chosen.token {
            None => "not logged in",
            Some(_) if chosen.is_over(now) => "expired",
            Some(_) => "logged in",
        };
        let expires_at = Some(login.expires_at.as_str()).filter(|at| !at.is_empty());
        Self { rack: chosen.name.as_deref(), url: &chosen.url, status, email: &login.email, expires_at }
    }
}

impl Racks {
    pub fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let kept = client.place(&self.kept_in)?.kept;
        let is_current = |name: &str| kept.current.as_deref() == Some(name);
        let views: Vec<_> = kept
            .gateways
            .iter()
            .map(|(name, login)| json!({ "name": name, "url": login.url, "email": login.email, "current": is_current(name) }))
            .collect();
        if kept.gateways.is_empty() {
            let text = "No racks configured. Use 'rack-gateway login NAME URL' to add one.";
            return Ok(Report::new(text, &views));
        }
        let mark = |name: &String| if is_current(name) { format!("* {name}") } else { format!("  {name}") };
        let lines: Vec<_> = kept.gateways.keys().map(mark).collect();
        Ok(Report::new(format!("Configured racks:\n{}", lines.join("\n")), &views))
    }
}

impl Switch {
    pub fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let place = client.place(&self.kept_in)?;
        let Self { name, .. } = self;
        let is_known = place.store.change(|kept| {
            let is_known = kept.gateways.contains_key(&name);
            if is_known {
                kept.current = Some(name.clone());
            }
            is_known
        })?;
        if !is_known {
            return Err(Failure::NotDone(format!(
                "there is no gateway {name} here; `rack-gateway racks` lists them"
            )));
        }
        Ok(Report::new(format!("✓ Switched to rack: {name}"), &json!({ "rack": name })))
    }
}
