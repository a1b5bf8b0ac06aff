//! The command line. `client` speaks to a gateway elsewhere. The administration commands read the configuration, work
//! directly on the database it names, and record every change in the audit log. What people may do through the
//! gateway is decided elsewhere.
//!
//! One file for each noun; `context` opens the database, `output` makes tables and JSON, `failure` the errors
//! and exit codes.

mod account;
mod arguments;
mod client;
mod config;
mod context;
mod demo;
mod failure;
mod grants;
mod health;
mod keys;
mod lookup;
mod migrate;
mod output;
mod roles;
mod tokens;
mod users;
mod webhooks;

use crate::{
    config::{Config, Env},
    core::SharedClock,
};
use clap::{Args, Parser, Subcommand};
pub use client::{ClientCommand, run as run_client};
pub use config::Unusable;
use context::Admin;
pub use demo::DemoCommand;
use failure::Failure;
pub use failure::{problems, told};
pub use health::HealthCommand;
pub use output::OutputFormat;
use output::Report;
use std::{
    path::PathBuf,
    process::{ExitCode, Termination as _},
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it could not be done: the database is away, or what was named does not exist, or exists already; `serve` could \
not start, or ended without having written every record
  2  wrong usage, or a wrong configuration
  3  refused: not logged in, the login has expired, or the gateway says no; only commands that ask a gateway end so

login, logout, whoami, rack, racks, switch, can-i, web, convox-env, instances, nodes, get, post, put and delete are about \
a gateway elsewhere, with the login that is kept for it; agent speaks to one with a token, and health asks the one that \
runs on this machine.

migrate, users, roles, grants, tokens, webhooks and keys work directly on the database that the configuration names (see \
`config show`), and need no running server; a server that runs notices changes within a second. Run them as \
the user the server runs as: the files of an embedded database belong to whoever made them.";

/// An access gateway in front of Convox racks, container registries and internal services.
#[derive(Debug, Parser)]
#[command(name = "rack-gateway", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub options: GlobalOptions,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct GlobalOptions {
    /// The TOML file to read besides the environment [env: RACK_GATEWAY_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to print
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: OutputFormat,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway
    Serve,
    Demo(DemoCommand),
    Health(HealthCommand),
    #[command(flatten)]
    Admin(AdminCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

/// What an administrator does on the machine itself.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Bring the database up to this version
    Migrate,
    /// Change the key that seals secrets in the database
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    #[command(flatten)]
    Access(AccessCommand),
}

/// Everything that needs the database.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Add, list, lock and unlock users
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Show the built-in roles; add and remove custom ones
    #[command(subcommand)]
    Roles(roles::RolesCommand),
    /// Give roles to users and tokens, and take them away
    #[command(subcommand)]
    Grants(grants::GrantsCommand),
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// List what webhooks have not heard yet; send again what was given up
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
}

/// Reads the command line. Help, the version and wrong usage end the process here, with 0, 0 and 2.
pub fn parse() -> Cli {
    Cli::parse()
}

/// Runs an administration command on a small runtime of its own.
pub fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Failure::NotDone(format!("the runtime cannot start: {error}")).print().report(),
    }
}

/// Carries out `command` and prints what came of it. `unusable` tells what `serve` would refuse of a configuration.
pub async fn run(
    command: AdminCommand,
    options: &GlobalOptions,
    env: &dyn Env,
    clock: SharedClock,
    unusable: fn(&Config) -> Vec<Unusable>,
) -> ExitCode {
    match Box::pin(execute(command, options, env, clock, unusable)).await {
        Ok(report) => report.print(options.output),
        Err(failure) => failure.print(),
    }
    .report()
}

async fn execute(
    command: AdminCommand,
    options: &GlobalOptions,
    env: &dyn Env,
    clock: SharedClock,
    unusable: fn(&Config) -> Vec<Unusable>,
) -> Result<Report, Failure> {
    let config = Config::load(env, options.config.as_deref());
    match command {
        AdminCommand::Config(command) => command.run(config, unusable),
        AdminCommand::Migrate => migrate::run(&config?.database, env, clock).await,
        AdminCommand::Keys(command) => {
            let config = config?;
            let admin = Admin::open(&config.database, env, clock).await?;
            let done = command.run(&admin, &config.identity).await;
            admin.close().await;
            done
        }
        AdminCommand::Access(command) => {
            let config = config?;
            let admin = Admin::open(&config.database, env, clock).await?.telling(&config);
            let done = command.run(&admin, &config).await;
            admin.close().await;
            done
        }
    }
}

impl AccessCommand {
    async fn run(self, admin: &Admin, config: &Config) -> Result<Report, Failure> {
        match self {
            Self::Users(command) => command.run(admin).await,
            Self::Roles(command) => command.run(admin).await,
            Self::Grants(command) => command.run(admin).await,
            Self::Tokens(command) => command.run(admin).await,
            Self::Webhooks(command) => command.run(admin, &config.webhooks).await,
        }
    }
}
