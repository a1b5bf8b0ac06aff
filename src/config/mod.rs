//! The configuration: read once at the start from the environment and an optional TOML file, checked as a
//! whole, then passed down as typed sections. A configuration does not change; `boot` may read another one later,
//! and `prints` tells what differs. Nothing else in the crate reads the environment.
//!
//! `variables` is the table of all settings, `reader` looks them up, one file for each section makes them
//! typed, and `docs` prints `docs/CONFIG.md`.

pub mod access;
pub mod artifact;
pub mod audit;
pub mod database;
pub mod directory;
pub mod docs;
mod env;
mod errors;
pub mod identity;
mod keys;
pub mod limits;
mod live;
pub mod log;
pub mod login;
pub mod mail;
mod names;
pub mod otel;
mod prints;
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
mod variable;
mod variables;
pub mod webhooks;

pub use access::AccessConfig;
pub use artifact::ArtifactConfig;
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
pub use otel::{OtelConfig, SampleRule, TraceSampler};
pub use prints::Changes;
pub use racks::{NO_RACK, RackConfig, RackConfigs, RackTrust};
pub use reader::SummaryRow;
pub use registry::{
    GarbageConfig, ImmutableRule, Quota, RegistryBucket, RegistryConfig, RegistryLogin, RegistryPlace,
    RegistryUpstream,
};
pub use sentry::{SentryConfig, SentryJsConfig};
pub use server::{ServerConfig, TlsFiles};
pub use services::{ServiceTrust, ServicesConfig, Timeouts};
pub use settings::SettingsConfig;
pub(crate) use values::socket_addr;
pub use webhooks::{WebhookAction, WebhookConfig};

use prints::Prints;
use reader::Reader;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
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
    /// No artifact registry is behind the gateway when absent.
    pub artifact: Option<ArtifactConfig>,
    pub webhooks: Vec<WebhookConfig>,
    pub directory: DirectoryConfig,
    pub login: LoginConfig,
    pub log: LogConfig,
    /// No traces are exported when absent.
    pub otel: Option<OtelConfig>,
    pub sentry: SentryConfig,
    pub limits: LimitsConfig,
    /// No mail is sent when absent.
    pub mail: Option<SmtpConfig>,
    /// What is allowed but doubtful, one sentence each, in the form of the errors.
    pub warnings: Vec<String>,
    /// Names that are set in the environment and have no effect in this version.
    pub reserved: Vec<&'static str>,
    /// Names that are set in the environment and that only client commands read.
    pub for_clients: Vec<&'static str>,
    summary: Vec<SummaryRow>,
    prints: Prints,
    files: Vec<PathBuf>,
}

impl Config {
    /// Reads the environment, and the TOML file that `file` or else `RACK_GATEWAY_CONFIG` names. A setting of
    /// the environment is stronger than one of the file. The error holds every problem found.
    pub fn load(env: &dyn Env, file: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let path = file.map(Path::to_owned);
        let file = open_file(env, file, &mut errors);
        let mut config = Self::from_sources(env, file, errors)?;
        config.files.extend(path.or_else(|| path_in(env)));
        Ok(config)
    }

    /// Where the operators' listener is, and nothing else: other mistakes, and a file that cannot be read, are told to
    /// who serves with them.
    pub fn ops_listen(env: &dyn Env, file: Option<&Path>) -> Result<SocketAddr, ConfigErrors> {
        let file = open_file(env, file, &mut Vec::new());
        let mut reader = Reader::new(env, file, Vec::new());
        server::ops_listen(&mut reader).ok_or_else(|| ConfigErrors::new(reader.errors))
    }

    /// What differs from `other`, by the names of the settings.
    pub fn changes_from(&self, other: &Self) -> Changes {
        self.prints.changes_from(&other.prints)
    }

    /// Every file that the configuration was read from, and those that it names and that are read again.
    pub fn files(&self) -> Vec<&Path> {
        let trusted = self.racks.iter().filter_map(|rack| match &rack.trust {
            RackTrust::CaFile(path) => Some(path),
            RackTrust::System | RackTrust::PinSha256(_) => None,
        });
        let certificate = self.server.tls.iter().flat_map(|tls| [&tls.cert, &tls.key]);
        self.files.iter().chain(trusted).chain(certificate).map(PathBuf::as_path).collect()
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
        let artifact = artifact::read(r);
        let webhooks = webhooks::read(r);
        let directory = directory::read(r);
        let login = login::read(r);
        let log = log::read(r);
        let mail = mail::read(r);
        let otel = otel::read(r);
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
            artifact,
            webhooks,
            directory: directory?,
            login: login?,
            log: log?,
            mail,
            otel,
            sentry: sentry?,
            limits: limits?,
            warnings: std::mem::take(&mut r.warnings),
            reserved: names::reserved(env),
            for_clients: names::for_clients(env),
            summary: std::mem::take(&mut r.summary),
            prints: std::mem::take(&mut r.prints),
            files: std::mem::take(&mut r.files),
        })
    }
}

/// The file that the environment names.
fn path_in(env: &dyn Env) -> Option<PathBuf> {
    let path = env.get(variables::RACK_GATEWAY_CONFIG.name)?;
    (!path.trim().is_empty()).then(|| PathBuf::from(path))
}

fn open_file(env: &dyn Env, given: Option<&Path>, errors: &mut Vec<ConfigError>) -> TomlFile {
    let (origin, key, path) = match (given, path_in(env)) {
        (Some(path), _) => (Origin::CommandLine, "--config", path.to_owned()),
        (None, Some(path)) => (Origin::Environment, variables::RACK_GATEWAY_CONFIG.name, path),
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
