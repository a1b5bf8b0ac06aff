//! `demo`: the options of the gateway that brings its own rack.

use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

/// Run a gateway with a demo rack, users and tokens; no configuration is needed
#[derive(Debug, Args)]
pub struct DemoCommand {
    /// Where the database and demo.json are kept
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    pub data: PathBuf,
    /// Where the gateway listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Where metrics and probes are
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5001")]
    pub ops_listen: SocketAddr,
}
