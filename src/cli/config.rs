//! `config check` and `config show`.

use super::{
    failure::{Exit, Failure},
    output::{Report, table},
};
use crate::config::{Config, ConfigErrors, NO_RACK};
use clap::Subcommand;
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell every problem of the configuration; ends with 2 when there is one
    Check,
    /// Show every setting, its value and where it stands; secrets are hidden
    Show,
}

/// `config check -o json`.
#[derive(Debug, Serialize)]
struct Check {
    valid: bool,
    problems: Vec<Problem>,
    /// What is allowed but doubtful, a sentence each.
    warnings: Vec<String>,
    /// Names that are set in the environment and have no effect in this version.
    reserved: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Problem {
    /// `environment`, `command line`, `default`, or file and line as in `gateway.toml:12`.
    origin: String,
    key: String,
    problem: String,
}

/// One setting of `config show -o json`.
#[derive(Debug, Serialize)]
struct Setting {
    key: String,
    /// `[REDACTED]` for a secret.
    value: String,
    source: String,
}

impl ConfigCommand {
    pub fn run(self, config: Result<Config, ConfigErrors>) -> Result<Report, Failure> {
        match (self, config) {
            (Self::Check, Ok(config)) => Ok(readable(&config)),
            (Self::Check, Err(errors)) => Ok(invalid(&errors)),
            (Self::Show, config) => Ok(show(&config?)),
        }
    }
}

/// Every value is good; without a rack, there is still nothing to serve.
fn readable(config: &Config) -> Report {
    let no_rack = config.racks.is_empty().then(|| Problem {
        origin: "default".to_owned(),
        key: "RACK_HOST".to_owned(),
        problem: NO_RACK.to_owned(),
    });
    let (sentence, exit) = match &no_rack {
        Some(_) => (NO_RACK, Exit::Usage),
        None => ("the configuration is valid", Exit::Done),
    };
    let check = Check {
        valid: no_rack.is_none(),
        problems: no_rack.into_iter().collect(),
        warnings: config.warnings.clone(),
        reserved: config.reserved.clone(),
    };
    let mut lines = vec![sentence.to_owned()];
    lines.extend(check.warnings.iter().map(|warning| format!("warning: {warning}")));
    if !check.reserved.is_empty() {
        lines.push(format!("without effect in this version: {}", check.reserved.join(", ")));
    }
    Report::new(lines.join("\n"), &check).with_exit(exit)
}

fn invalid(errors: &ConfigErrors) -> Report {
    let problems = errors.iter().map(|error| Problem {
        origin: error.origin.to_string(),
        key: error.key.clone(),
        problem: error.problem.clone(),
    });
    let check =
        Check { valid: false, problems: problems.collect(), warnings: Vec::new(), reserved: Vec::new() };
    Report::new(errors.to_string(), &check).with_exit(Exit::Usage)
}

fn show(config: &Config) -> Report {
    let settings: Vec<_> =
        config.summary().into_iter().map(|(key, value, source)| Setting { key, value, source }).collect();
    let rows = settings.iter().map(|row| [row.key.clone(), row.value.clone(), row.source.clone()]);
    Report::new(table(["SETTING", "VALUE", "SOURCE"], rows), &settings)
}
