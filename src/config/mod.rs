//! The configuration: read once at the start from the environment and an optional TOML file, checked as a
//! whole, then passed down as typed sections. Nothing here changes later, and nothing else in the crate reads
//! the environment.
//!
//! `variables` is the table of all settings, `reader` looks them up, one file for each section makes them
//! typed, and `docs` prints `docs/CONFIG.md`.

pub mod access;
pub mod audit;
pub mod database;
pub mod directory;
pub mod docs;
mod env;
mod errors;
pub mod identity;
pub mod limits;
pub mod log;
pub mod login;
pub mod mail;
mod names;
pub mod racks;
mod reader;
pub mod registry;
mod reserved;
mod section;
pub mod sentry;
pub mod server;
pub mod services;
pub mod settings;
mod suggest;
mod text_file;
mod toml_file;
mod values;
mod variables;

pub use access::AccessConfig;
pub use audit::AuditConfig;
pub use database::{DatabaseConfig, DatabaseTarget, PoolConfig};
pub use directory::DirectoryConfig;
pub use env::{Env, MapEnv, ProcessEnv};
pub use errors::{ConfigError, ConfigErrors, Origin};
pub use identity::{IdentityConfig, SessionConfig};
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogFormat, LogLevel};
pub use login::{GithubConfig, GroupRole, LoginConfig, OidcConfig};
pub use mail::{SmtpConfig, SmtpTls};
pub use racks::{RackConfig, RackConfigs, RackTrust};
pub use reader::SummaryRow;
pub use registry::{
    GarbageConfig, ImmutableRule, Quota, RegistryBucket, RegistryConfig, RegistryLogin, RegistryPlace,
    RegistryUpstream,
};
pub use sentry::{SentryConfig, SentryJsConfig};
pub use server::{ServerConfig, TlsFiles};
pub use services::{ServicesConfig, Timeouts};
pub use settings::SettingsConfig;

use reader::Reader;
use std::path::{Path, PathBuf};
use toml_file::TomlFile;

/// Everything that can be set. `Debug` prints no secret.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub racks: RackConfigs,
    pub audit: AuditConfig,
    pub access: AccessConfig,
    pub identity: IdentityConfig,
    pub settings: SettingsConfig,
    pub registry: RegistryConfig,
    pub services: ServicesConfig,
    pub directory: DirectoryConfig,
    pub login: LoginConfig,
    pub log: LogConfig,
    pub sentry: SentryConfig,
    pub limits: LimitsConfig,
    /// No mail is sent when absent.
    pub mail: Option<SmtpConfig>,
    /// What is allowed but doubtful, one sentence each, in the form of the errors.
    pub warnings: Vec<String>,
    /// Names that are set in the environment and have no effect in this version.
    pub reserved: Vec<&'static str>,
    summary: Vec<SummaryRow>,
}

impl Config {
    /// Reads the environment, and the TOML file that `file` or else `RACK_GATEWAY_CONFIG` names. A setting of
    /// the environment is stronger than one of the file. The error holds every problem found.
    pub fn load(env: &dyn Env, file: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let file = open_file(env, file, &mut errors);
        Self::from_sources(env, file, errors)
    }

    /// `errors` holds what was wrong with the form of the file.
    fn from_sources(env: &dyn Env, file: TomlFile, errors: Vec<ConfigError>) -> Result<Self, ConfigErrors> {
        if !file.is_readable() {
            // What else is missing cannot be told without the file.
            return Err(ConfigErrors::new(errors));
        }
        let mut reader = Reader::new(env, file, errors);
        let config = Self::read(&mut reader, env);
        match config {
            Some(config) if reader.errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors::new(reader.errors)),
        }
    }

    /// Each setting that was looked at: key, value (secrets as `[REDACTED]`) and where it stands.
    pub fn summary(&self) -> Vec<SummaryRow> {
        self.summary.clone()
    }

    /// All sections are read before the first missing one ends it, so that all problems are found.
    fn read(r: &mut Reader<'_>, env: &dyn Env) -> Option<Self> {
        let server = server::read(r);
        let limits = limits::read(r);
        let database = database::read(r);
        let racks = racks::read(r);
        let audit = audit::read(r);
        let access = access::read(r);
        let identity = identity::read(r, server.as_ref());
        let settings = settings::read(r);
        let registry = registry::read(r);
        let services = services::read(r);
        let directory = directory::read(r);
        let login = login::read(r);
        let log = log::read(r);
        let mail = mail::read(r);
        let sentry = sentry::read(r);
        r.warnings.extend(names::misspelt(env));
        Some(Self {
            server: server?,
            database: database?,
            racks,
            audit: audit?,
            access,
            identity: identity?,
            settings,
            registry: registry?,
            services: services?,
            directory: directory?,
            login: login?,
            log: log?,
            mail,
            sentry: sentry?,
            limits: limits?,
            warnings: std::mem::take(&mut r.warnings),
            reserved: names::reserved(env),
            summary: std::mem::take(&mut r.summary),
        })
    }
}

fn open_file(env: &dyn Env, given: Option<&Path>, errors: &mut Vec<ConfigError>) -> TomlFile {
    let from_env = || env.get(variables::RACK_GATEWAY_CONFIG.name).filter(|path| !path.trim().is_empty());
    let (origin, key, path) = match (given, from_env()) {
        (Some(path), _) => (Origin::CommandLine, "--config", path.to_owned()),
        (None, Some(path)) => (Origin::Environment, variables::RACK_GATEWAY_CONFIG.name, PathBuf::from(path)),
        (None, None) => return TomlFile::none(),
    };
    let shown = path.to_string_lossy();
    match text_file::read(&path) {
        Ok(text) => TomlFile::parse(&shown, &text, errors),
        Err(problem) => {
            let problem = format!("{} {problem}", errors::quoted(&shown));
            errors.push(ConfigError { origin, key: key.to_owned(), problem });
            TomlFile::unreadable()
        }
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests;
