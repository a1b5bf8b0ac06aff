//! `health`: asks a running gateway whether it serves, for containers that have no curl.

use super::{arguments, failure::Failure};
use crate::config::{Config, ConfigErrors, Env};
use clap::Args;
use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::Path,
    process::{ExitCode, Termination as _},
    time::Duration,
};

/// Ask a running gateway whether it can serve; exit 0 when it can, 1 when not
#[derive(Debug, Args)]
pub struct HealthCommand {
    /// The operators' listener to ask [env: OPS_LISTEN] [default: that of the configuration file, or 127.0.0.1:5001]
    #[arg(long, value_name = "ADDR", value_parser = arguments::listener)]
    pub ops: Option<SocketAddr>,
}

const PATIENCE: Duration = Duration::from_secs(3);

impl HealthCommand {
    /// `file` is the configuration file that the command line names.
    pub fn run(&self, file: Option<&Path>, env: &dyn Env) -> ExitCode {
        match self.ask(file, env) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.print().report(),
        }
    }

    fn ask(&self, file: Option<&Path>, env: &dyn Env) -> Result<(), Failure> {
        let address = self.address(file, env)?;
        match ask(address) {
            Ok(line) if line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.0 200") => Ok(()),
            Ok(line) => Err(Failure::NotDone(format!("the gateway at {address} is not ready: {line}"))),
            Err(error) => Err(Failure::NotDone(format!("no answer from {address}: {error}"))),
        }
    }

    /// Where the gateway of this environment and file listens, unless another is named.
    fn address(&self, file: Option<&Path>, env: &dyn Env) -> Result<SocketAddr, ConfigErrors> {
        let listener = self.ops.map_or_else(|| Config::ops_listen(env, file), Ok)?;
        Ok(reached(listener))
    }
}

/// From what is listened on to what can be called.
fn reached(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
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
    use std::path::PathBuf;

    fn asked(ops: Option<&str>, listener: &str, file: Option<&Path>) -> Result<String, String> {
        let command = HealthCommand { ops: ops.map(|text| arguments::listener(text).unwrap()) };
        let env = MapEnv::from([("OPS_LISTEN", listener)]);
        let address = command.address(file, &env).map_err(|errors| errors.to_string())?;
        Ok(address.to_string())
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
            assert_eq!(asked(None, listener, None).as_deref(), Ok(address), "{listener}");
        }
        assert_eq!(asked(Some("127.0.0.1:7000"), "0.0.0.0:9100", None).as_deref(), Ok("127.0.0.1:7000"));
        assert_eq!(asked(Some(":7000"), "", None).as_deref(), Ok("127.0.0.1:7000"));
        let problem = asked(None, "9100", None).unwrap_err();
        assert!(problem.starts_with("environment: OPS_LISTEN: \"9100\" is not an address"), "{problem}");
    }

    #[test]
    fn the_listener_of_the_file_is_asked_where_the_environment_names_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| -> PathBuf {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        // Mistakes elsewhere are not the matter here.
        let good = file("good.toml", "[server]\nops_listen = \"0.0.0.0:9200\"\nprot = 1\n");
        assert_eq!(asked(None, "", Some(&good)).as_deref(), Ok("127.0.0.1:9200"));
        assert_eq!(asked(None, "127.0.0.1:9100", Some(&good)).as_deref(), Ok("127.0.0.1:9100"));
        let torn = file("torn.toml", "[server\n");
        for unreadable in [torn, directory.path().join("none.toml")] {
            assert_eq!(asked(None, "", Some(&unreadable)).as_deref(), Ok("127.0.0.1:5001"));
        }
        let bad = file("bad.toml", "[server]\nops_listen = \"foo\"\n");
        let problem = asked(None, "", Some(&bad)).unwrap_err();
        assert!(problem.contains("bad.toml:2: server.ops_listen: \"foo\" is not an address"), "{problem}");
    }
}
