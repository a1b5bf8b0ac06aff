//! The listeners and the process.

use super::{
    reader::{Place, Reader},
    values::{self, duration, number, switch},
    variables::{
        DOMAIN, DRAIN_DELAY, DRAIN_TIMEOUT, LISTEN, LISTEN_REUSE_PORT, OPS_LISTEN, PORT, RELOAD_INTERVAL,
        TLS_CERT_FILE, TLS_KEY_FILE, WORKER_THREADS,
    },
};
use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
    /// Public host name, lower case, without port.
    pub domain: Option<String>,
    /// Plain HTTP when absent.
    pub tls: Option<TlsFiles>,
    /// One for each core when absent.
    pub worker_threads: Option<NonZeroUsize>,
    pub drain_timeout: Duration,
    /// How long an unready gateway still takes requests in before it drains.
    pub drain_delay: Duration,
    /// Other processes may listen on the same ports.
    pub reuse_port: bool,
    /// Files are not watched when absent.
    pub reload_interval: Option<Duration>,
}

/// PEM files that existed when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

const LONGEST_DRAIN: Duration = Duration::from_secs(3_600);

pub(super) fn read(r: &mut Reader<'_>) -> Option<ServerConfig> {
    let listen = listen(r);
    let ops_listen = ops_listen(r);
    let domain = r.optional(&DOMAIN, values::domain);
    let tls = tls(r);
    let threads = r.required(&WORKER_THREADS, number(0..=1_024));
    let drain_timeout = r.required(&DRAIN_TIMEOUT, duration(Duration::ZERO..=LONGEST_DRAIN));

    let drain_delay = r.required(&DRAIN_DELAY, duration(Duration::ZERO..=LONGEST_DRAIN));
    let reuse_port = r.required(&LISTEN_REUSE_PORT, switch);
    let reload_interval = r.required(&RELOAD_INTERVAL, duration(Duration::ZERO..=LONGEST_DRAIN));

    let (listen, ops_listen) = (listen?, ops_listen?);
    if overlap(listen, ops_listen) {
        let problem =
            format!("\"{ops_listen}\" is taken by the main listener, {listen}; choose another port");
        r.complain_about(&OPS_LISTEN, problem);
    }
    let worker_threads = NonZeroUsize::new(threads?);
    Some(ServerConfig {
        listen,
        ops_listen,
        domain,
        tls,
        worker_threads,
        drain_timeout: drain_timeout?,
        drain_delay: drain_delay?,
        reuse_port: reuse_port?,
        reload_interval: reload_interval.filter(|interval| !interval.is_zero()),
    })
}

pub(super) fn ops_listen(r: &mut Reader<'_>) -> Option<SocketAddr> {
    r.required(&OPS_LISTEN, values::socket_addr)
}

fn listen(r: &mut Reader<'_>) -> Option<SocketAddr> {
    let mut listen = r.required(&LISTEN, values::socket_addr);
    if let (Some(address), Some(port)) = (listen.as_mut(), r.optional(&PORT, number(0..=65_535))) {
        address.set_port(port);
    }
    listen
}

fn tls(r: &mut Reader<'_>) -> Option<TlsFiles> {
    let cert = r.optional(&TLS_CERT_FILE, values::existing_file);
    let key = r.optional(&TLS_KEY_FILE, values::existing_file);
    for (set, missing) in [(&TLS_CERT_FILE, &TLS_KEY_FILE), (&TLS_KEY_FILE, &TLS_CERT_FILE)] {
        if r.is_set(&Place::from(set)) && !r.is_set(&Place::from(missing)) {
            r.complain_about(set, format!("is set without {}; set both or none", missing.name));
        }
    }
    Some(TlsFiles { cert: cert?, key: key? })
}

/// Port 0 lets the system choose, so it never collides.
fn overlap(main: SocketAddr, ops: SocketAddr) -> bool {
    let same_ip = main.ip() == ops.ip() || main.ip().is_unspecified() || ops.ip().is_unspecified();
    main.port() != 0 && main.port() == ops.port() && same_ip
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{error, load, load_toml};
    use std::time::Duration;

    #[test]
    fn defaults() {
        let server = load([]).server;
        assert_eq!(server.listen.to_string(), "0.0.0.0:8443");
        assert_eq!(server.ops_listen.to_string(), "127.0.0.1:5001");
        assert_eq!((server.domain, server.tls, server.worker_threads), (None, None, None));
        assert_eq!(server.drain_timeout, Duration::from_secs(30));
    }

    #[test]
    fn port_replaces_the_port_only() {
        let server = load([("LISTEN", "127.0.0.1:1"), ("PORT", "8080")]).server;
        assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
        let error = error([("PORT", "http")]);
        assert_eq!(
            error,
            r#"environment: PORT: "http" is not a whole number; write a number from 0 to 65535"#
        );
    }

    #[test]
    fn the_environment_is_stronger_than_the_file() {
        let file = "[server]\nlisten = '127.0.0.1:1'\ndomain = 'a.example'\nworker_threads = 3";
        let server = load_toml([("DOMAIN", "b.example")], file).server;
        assert_eq!(server.listen.to_string(), "127.0.0.1:1");
        assert_eq!(server.domain.as_deref(), Some("b.example"));
        assert_eq!(server.worker_threads.map(usize::from), Some(3));
    }

    #[test]
    fn certificate_and_key_come_together() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "PEM").unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let tls = load([("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", &key)]).server.tls.unwrap();
        assert_eq!((tls.cert.to_str().unwrap(), tls.key.to_str().unwrap()), (cert.as_str(), key.as_str()));

        let alone = error([("TLS_CERT_FILE", cert.as_str())]);
        assert_eq!(alone, "environment: TLS_CERT_FILE: is set without TLS_KEY_FILE; set both or none");
        let missing = error([("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", "/no/such/key.pem")]);
        assert!(
            missing.starts_with(r#"environment: TLS_KEY_FILE: "/no/such/key.pem" cannot be read"#),
            "{missing}"
        );
    }

    #[test]
    fn listeners_must_not_collide() {
        let error = error([("OPS_LISTEN", "127.0.0.1:8443")]);
        assert!(error.contains("OPS_LISTEN: \"127.0.0.1:8443\" is taken by the main listener"), "{error}");
        load([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0")]);
        load([("LISTEN", "127.0.0.1:80"), ("OPS_LISTEN", "127.0.0.2:80")]);
    }
}
