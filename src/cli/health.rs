//! `health`: asks a running gateway whether it serves, for containers that have no curl.

use crate::config::{Env, ProcessEnv, socket_addr};
use clap::Args;
use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

/// Ask a running gateway whether it can serve; exit 0 when it can, 1 when not
#[derive(Debug, Args)]
pub struct HealthCommand {
    /// The operators' listener to ask [env: OPS_LISTEN] [default: 127.0.0.1:5001]
    #[arg(long, value_name = "ADDR")]
    pub ops: Option<SocketAddr>,
}

const OPS_LISTEN: &str = "OPS_LISTEN";
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5001);

const PATIENCE: Duration = Duration::from_secs(3);

impl HealthCommand {
    pub fn run(&self) -> ExitCode {
        let address = match self.address(&ProcessEnv) {
            Ok(address) => address,
            Err(problem) => {
                eprintln!("error: {problem}");
                return ExitCode::from(2);
            }
        };
        match ask(address) {
            Ok(line) if line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.0 200") => {
                ExitCode::SUCCESS
            }
            Ok(line) => {
                eprintln!("error: the gateway at {address} is not ready: {line}");
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("error: no answer from {address}: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Where the gateway of this environment listens, unless another is named.
    fn address(&self, env: &dyn Env) -> Result<SocketAddr, String> {
        if let Some(named) = self.ops {
            return Ok(named);
        }
        match env.get(OPS_LISTEN).filter(|text| !text.trim().is_empty()) {
            Some(text) => reached(text.trim()),
            None => Ok(DEFAULT),
        }
    }
}

/// From what is listened on, in any form that the configuration knows, to what can be called.
fn reached(listener: &str) -> Result<SocketAddr, String> {
    let mut address = socket_addr(listener)
        .map_err(|_| format!("{OPS_LISTEN}: {listener:?} is not an address with a port; name --ops"))?;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(address)
}

/// The status line of `/readyz`.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
    let mut head = [0u8; 64];
    let count = stream.read(&mut head)?;
    let text = String::from_utf8_lossy(head.get(..count).unwrap_or_default()).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MapEnv;

    fn asked(ops: Option<&str>, listener: &str) -> Result<String, String> {
        let command = HealthCommand { ops: ops.map(|text| text.parse().unwrap()) };
        let env = MapEnv::from([("OPS_LISTEN", listener)]);
        command.address(&env).map(|address| address.to_string())
    }

    #[test]
    fn the_listener_of_the_environment_is_asked() {
        for (listener, address) in [
            ("", "127.0.0.1:5001"),
            ("10.0.0.7:9100", "10.0.0.7:9100"),
            (" 0.0.0.0:9100 ", "127.0.0.1:9100"),
            ("[::]:9100", "[::1]:9100"),
            (":9100", "127.0.0.1:9100"),
            ("localhost:9100", "127.0.0.1:9100"),
        ] {
            assert_eq!(asked(None, listener).as_deref(), Ok(address), "{listener}");
        }
        assert_eq!(asked(Some("127.0.0.1:7000"), "0.0.0.0:9100").as_deref(), Ok("127.0.0.1:7000"));
        let problem = asked(None, "9100").unwrap_err();
        assert_eq!(problem, "OPS_LISTEN: \"9100\" is not an address with a port; name --ops");
    }
}
