//! The binary: reads the command line and hands over to the library.

use rack_gateway::{
    boot::{self, BootError},
    cli::{self, Cli, Command},
    config::ProcessEnv,
    core::SystemClock,
    observe::log::write_stderr,
};
use std::{path::Path, process::ExitCode, sync::Arc};

/// Its statistics are read for the metrics; it gives memory of closed connections back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let Cli { options, command } = cli::parse();
    match command {
        Command::Serve => ended(serve(options.config.as_deref())),
        Command::Demo(demo) => ended(run_demo(demo)),
        Command::Health(health) => health.run(options.config.as_deref(), &ProcessEnv),
        Command::Admin(command) => {
            let clock = Arc::new(SystemClock);
            cli::block_on(cli::run(command, &options, &ProcessEnv, clock, boot::unusable))
        }
        Command::Client(command) => {
            cli::block_on(cli::run_client(command, &options, &ProcessEnv, Arc::new(SystemClock)))
        }
    }
}

fn serve(file: Option<&Path>) -> Result<(), BootError> {
    let source = boot::Source { env: Arc::new(ProcessEnv), file: file.map(Path::to_owned) };
    let config = source.load()?;
    let prepared = boot::prepare(&config)?;
    let (clock, lanes) = (prepared.clock.clone(), prepared.lanes.clone());
    prepared.runtime.block_on(boot::serve(&config, source, clock, lanes))
}

fn run_demo(demo: cli::DemoCommand) -> Result<(), BootError> {
    let options = boot::DemoOptions { data: demo.data, listen: demo.listen, ops_listen: demo.ops_listen };
    let env = options.environment(&ProcessEnv);
    let prepared = boot::prepare(&options.config(&env)?)?;
    let (clock, lanes) = (prepared.clock.clone(), prepared.lanes.clone());
    prepared.runtime.block_on(boot::demo(options, env, clock, lanes))
}

/// Exit codes as the help tells them: 2 for the configuration, 1 for the rest.
fn ended(result: Result<(), BootError>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    write_stderr(&match &error {
        BootError::Config(errors) => cli::problems(errors),
        other => cli::told(other),
    });
    match error {
        BootError::Config(_) | BootError::NoRack => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
