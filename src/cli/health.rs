//! `health`: asks a running gateway whether it serves, for containers that have no curl.

use clap::Args;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

/// Ask a running gateway whether it can serve; exit 0 when it can, 1 when not
#[derive(Debug, Args)]
pub struct HealthCommand {
    /// The operators' listener (OPS_LISTEN) to ask
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5001")]
    pub ops: SocketAddr,
}

const PATIENCE: Duration = Duration::from_secs(3);

impl HealthCommand {
    pub fn run(&self) -> ExitCode {
        match self.ask() {
            Ok(line) if line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.0 200") => {
                ExitCode::SUCCESS
            }
            Ok(line) => {
                eprintln!("error: the gateway at {} is not ready: {line}", self.ops);
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("error: no answer from {}: {error}", self.ops);
                ExitCode::FAILURE
            }
        }
    }

    /// The status line of `/readyz`.
    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.ops, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut head = [0u8; 64];
        let count = stream.read(&mut head)?;
        let text = String::from_utf8_lossy(head.get(..count).unwrap_or_default()).into_owned();
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}
