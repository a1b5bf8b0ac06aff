//! The binary: reads the command line and hands over to the library.

use rack_gateway::{
    cli::{self, Command},
    config::ProcessEnv,
    core::SystemClock,
};
use std::{process::ExitCode, sync::Arc};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = cli::parse();
    match cli.command {
        Command::Admin(command) => cli::run(command, &cli.options, &ProcessEnv, Arc::new(SystemClock)).await,
    }
}
