//! `config check` and `config show`.

use super::{
    failure::{Exit, Failure},
    output::{Report, table},
};
use crate::config::{Config, ConfigError, ConfigErrors, NO_RACK};
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
    /// Names that are set in the environment and that client commands read; the server does not.
    for_clients: Vec<&'static str>,
}

/// A setting that is well formed, and that `serve` refuses none the less.
#[derive(Debug)]
pub struct Unusable {
    /// As in a row of [`Config::summary`].
    pub key: String,
    pub problem: String,
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

impl Problem {
    fn of(error: &ConfigError) -> Self {
        let ConfigError { origin, key, problem } = error;
        Self { origin: origin.to_string(), key: key.clone(), problem: problem.clone() }
    }

    /// Where the setting stands, its name, and what is wrong with what it leads to.
    fn with(Unusable { key, problem }: Unusable, config: &Config) -> Self {
        let row = config.summary().into_iter().find(|(known, ..)| *known == key);
        let origin = row.map_or_else(|| "default".to_owned(), |(_, _, origin)| origin);
        Self { origin, key, problem }
    }

    fn line(&self) -> String {
        let Self { origin, key, problem } = self;
        format!("{origin}: {key}: {problem}")
    }
}

impl ConfigCommand {
    /// `unusable` tells what `serve` would refuse of a configuration that can be read.
    pub fn run(
        self,
        config: Result<Config, ConfigErrors>,
        unusable: fn(&Config) -> Vec<Unusable>,
    ) -> Result<Report, Failure> {
        match (self, config) {
            (Self::Check, Ok(config)) => Ok(readable(&config, unusable(&config))),
            (Self::Check, Err(errors)) => Ok(invalid(&errors)),
            (Self::Show, config) => Ok(show(&config?)),
        }
    }
}

/// Every value is good; what the values lead to may not be, and without a rack there is nothing to serve.
fn readable(config: &Config, unusable: Vec<Unusable>) -> Report {
    let no_rack = config.racks.is_empty().then(|| Problem {
        origin: "default".to_owned(),
        key: "RACK_HOST".to_owned(),
        problem: NO_RACK.to_owned(),
    });
    let unusable: Vec<_> = unusable.into_iter().map(|one| Problem::with(one, config)).collect();
    let mut lines: Vec<_> = no_rack.iter().map(|_| NO_RACK.to_owned()).collect();
    lines.extend(unusable.iter().map(Problem::line));
    let valid = lines.is_empty();
    let exit = if valid { Exit::Done } else { Exit::Usage };
    if valid {
        lines.push("the configuration is valid".to_owned());
    }
    let check = Check {
        valid,
        problems: no_rack.into_iter().chain(unusable).collect(),
        warnings: config.warnings.clone(),
        reserved: config.reserved.clone(),
        for_clients: config.for_clients.clone(),
    };
    lines.extend(check.warnings.iter().map(|warning| format!("warning: {warning}")));
    if !check.reserved.is_empty() {
        lines.push(format!("without effect in this version: {}", check.reserved.join(", ")));
    }
    if !check.for_clients.is_empty() {
        let names = check.for_clients.join(", ");
        lines.push(format!("for client commands; the server does not read them: {names}"));
    }
    Report::new(lines.join("\n"), &check).with_exit(exit)
}

fn invalid(errors: &ConfigErrors) -> Report {
    let check = Check {
        valid: false,
        problems: errors.iter().map(Problem::of).collect(),
        warnings: Vec::new(),
        reserved: Vec::new(),
        for_clients: Vec::new(),
    };
    Report::new(errors.to_string(), &check).with_exit(Exit::Usage)
}

fn show(config: &Config) -> Report {
    let settings: Vec<_> =
        config.summary().into_iter().map(|(key, value, source)| Setting { key, value, source }).collect();
    let rows = settings.iter().map(|row| [row.key.clone(), row.value.clone(), row.source.clone()]);
    Report::new(table(["SETTING", "VALUE", "SOURCE"], rows), &settings)
}
