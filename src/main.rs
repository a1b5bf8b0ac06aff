//! The binary: reads the command line and hands over to the library.

use rack_gateway::{
    boot::{self, DemoOptions},
    config::{Config, ProcessEnv},
};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let config = Config::load(&ProcessEnv, None).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2)
    });
    let prepared = boot::prepare(&config).unwrap();
    if args.get(1).map(String::as_str) == Some("demo") {
        let options = DemoOptions {
            data: args[3].clone().into(),
            listen: args[5].parse().unwrap(),
            ops_listen: args[7].parse().unwrap(),
        };
        let env = options.environment(&ProcessEnv);
        let r = prepared.runtime.block_on(boot::demo(options, env, prepared.clock.clone()));
        eprintln!("{r:?}");
    }
    if args.get(1).map(String::as_str) == Some("serve") {
        let r = prepared.runtime.block_on(boot::serve(&config, prepared.clock.clone()));
        eprintln!("{r:?}");
    }
    ExitCode::SUCCESS
}
