//! The command line as a client of a gateway elsewhere: it logs in, keeps its session in a file of its own, and asks.
//!
//! One file for each command; `store` is the file with the sessions, `choice` says which gateway is meant, `http`
//! speaks to it.

mod agent;
mod call;
mod can_i;
mod choice;
mod convox_env;
mod directory;
mod http;
mod login;
mod logout;
mod racks;
mod store;
mod url;
mod web;
mod whoami;

use super::{
    GlobalOptions,
    failure::Failure,
    output::{OutputFormat, Report},
};
use crate::{config::Env, core::SharedClock};
use ::http::Method;
use choice::Place;
use clap::{Args, Subcommand};
use std::{
    path::PathBuf,
    process::{ExitCode, Termination as _},
};

/// What a person does with a gateway elsewhere.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    Login(login::Login),
    Logout(logout::Logout),
    Whoami(whoami::Whoami),
    Rack(racks::Rack),
    Racks(racks::Racks),
    Switch(racks::Switch),
    CanI(can_i::CanI),
    Web(web::Web),
    ConvoxEnv(convox_env::ConvoxEnv),
    /// List, register, drain and remove instances of services
    #[command(subcommand, visible_aliases = ["i", "instance"])]
    Instances(directory::InstancesCommand),
    /// List and remove nodes
    #[command(subcommand, visible_aliases = ["n", "node"])]
    Nodes(directory::NodesCommand),
    Agent(agent::Agent),
    /// Call the gateway's API with GET
    Get(call::Call),
    /// Call the gateway's API with POST
    Post(call::Call),
    /// Call the gateway's API with PUT
    Put(call::Call),
    /// Call the gateway's API with DELETE
    Delete(call::Call),
}

/// Where the sessions are kept.
#[derive(Debug, Args)]
pub struct KeptIn {
    /// The directory of config.json [env: GATEWAY_CLI_CONFIG_DIR] [default: ~/.config/rack-gateway]
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
}

/// Which of the gateways that were logged in to.
#[derive(Debug, Args)]
pub struct Which {
    /// The gateway, by the name it was logged in under [env: RACK_GATEWAY_RACK] [default: the current one]
    #[arg(short, long, value_name = "NAME")]
    rack: Option<String>,
    #[command(flatten)]
    kept_in: KeptIn,
}

/// What the commands work with.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    env: &'a dyn Env,
    clock: &'a SharedClock,
    /// For commands that print as they go.
    output: OutputFormat,
}

impl Client<'_> {
    fn place(&self, kept_in: &KeptIn) -> Result<Place, Failure> {
        Place::of(kept_in.config_dir.as_deref(), self.env)
    }
}

/// Carries out `command` and prints what came of it.
pub async fn run(
    command: ClientCommand,
    options: &GlobalOptions,
    env: &dyn Env,
    clock: SharedClock,
) -> ExitCode {
    // An error means that a provider is installed already, which can only be this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client { env, clock: &clock, output: options.output };
    match Box::pin(command.execute(client)).await {
        Ok(report) => report.print(options.output),
        Err(failure) => failure.print(),
    }
    .report()
}

impl ClientCommand {
    async fn execute(self, client: Client<'_>) -> Result<Report, Failure> {
        match self {
            Self::Login(command) => Box::pin(command.run(client)).await,
            Self::Logout(command) => command.run(client).await,
            Self::Whoami(command) => command.run(client).await,
            Self::Rack(command) => command.run(client),
            Self::Racks(command) => command.run(client),
            Self::Switch(command) => command.run(client),
            Self::CanI(command) => command.run(client).await,
            Self::Web(command) => command.run(client),
            Self::ConvoxEnv(command) => command.run(client),
            Self::Instances(command) => command.run(client).await,
            Self::Nodes(command) => command.run(client).await,
            Self::Agent(command) => Box::pin(command.run(client)).await,
            Self::Get(command) => command.run(Method::GET, client).await,
            Self::Post(command) => command.run(Method::POST, client).await,
            Self::Put(command) => command.run(Method::PUT, client).await,
            Self::Delete(command) => command.run(Method::DELETE, client).await,
        }
    }
}
