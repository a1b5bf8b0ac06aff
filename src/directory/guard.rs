//! Which addresses may be registered and called. What is registered is dialled by the gateway, from inside the
//! network; without rules every service that it can reach could be called through it.

use super::{Address, host::carried_ipv4};
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::Arc,
};

/// Closed unless a network inside one of them is allowed by name. An allowed network that merely contains one of
/// them (`0.0.0.0/0`) does not open it.
const CLOSED: [(&str, &str); 16] = [
    ("0.0.0.0/8", "this host"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local, with the metadata of clouds"),
    ("100.100.100.200/32", "the metadata of a cloud"),
    ("168.63.129.16/32", "the platform of a cloud"),
    ("192.0.0.0/24", "set aside for protocols"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "IPv4 addresses, translated by the network"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("fd00:ec2::/32", "the metadata of a cloud"),
    ("fd20:ce::254/128", "the metadata of a cloud"),
    ("ff00::/8", "multicast"),
];

/// Names that lead to what is closed, so that they are refused at registration already.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// What the operator allows and denies.
#[derive(Clone, Debug, Default)]
pub struct AddressRules {
    /// When there are any, an address must be in one of them.
    pub allow: Vec<IpNet>,
    /// Beats everything.
    pub deny: Vec<IpNet>,
    /// When there are any, a port must be in one of them.
    pub ports: Vec<RangeInclusive<u16>>,
}

/// Why an address may not be registered or called. The text may be shown to those who register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("the address {0} is not allowed here: {1}")]
    Address(IpAddr, &'static str),
    #[error("the name {0} leads to addresses that are not allowed here")]
    Name(String),
    #[error("the port {0} is not allowed here")]
    Port(u16),
    #[error("the address is the gateway's own")]
    Own,
}

/// Why there is nothing to dial.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the name cannot be resolved")]
    Io(#[from] io::Error),
}

/// Names to addresses; replaced in tests.
pub trait Resolve: Send + Sync + fmt::Debug {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

#[derive(Debug)]
struct System;

impl Resolve for System {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct AddressGuard {
    rules: Arc<AddressRules>,
    closed: Arc<[(IpNet, &'static str)]>,
    own: Arc<[SocketAddr]>,
    resolver: Arc<dyn Resolve>,
}

impl AddressGuard {
    /// `own` are the gateway's listeners.
    pub fn new(rules: AddressRules, own: Vec<SocketAddr>) -> Self {
        let closed = CLOSED.iter().filter_map(|(net, why)| Some((net.parse().ok()?, *why))).collect();
        Self { rules: Arc::new(rules), closed, own: own.into(), resolver: Arc::new(System) }
    }

    /// One that names resolve with.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// At registration: what can be told without asking anybody. The address is checked again when it is dialled.
    pub fn check_text(&self, address: &Address) -> Result<(), Forbidden> {
        if let Some(ip) = address.ip() {
            return self.check(SocketAddr::new(ip, address.port));
        }
        self.check_port(address.port)?;
        let host = address.host.as_str();
        if METADATA_NAMES.contains(&host) {
            return Err(Forbidden::Name(host.to_owned()));
        }
        if host == "localhost" || host.ends_with(".localhost") {
            return self.check(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port)).or_else(|_| {
                self.check(SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port))
            });
        }
        Ok(())
    }

    /// Before dialling: the addresses of the host, all of them checked. Dial these and resolve no second time, or a
    /// name that changes between the look and the call gets past. One bad address spoils the name.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let found = match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => self.resolver.lookup(host, port).await?,
        };
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
        }
        let found = found.into_iter().map(|at| SocketAddr::new(at.ip().to_canonical(), port));
        let checked = found.map(|at| self.check(at).map(|()| at)).collect::<Result<_, _>>()?;
        Ok(checked)
    }

    /// Whether this very address may be dialled.
    pub fn check(&self, at: SocketAddr) -> Result<(), Forbidden> {
        self.check_port(at.port())?;
        let ip = at.ip().to_canonical();
        self.check_ip(ip)?;
        if let Some(inside) = carried(ip) {
            self.check_ip(inside)?;
        }
        if self.is_own(SocketAddr::new(ip, at.port())) { Err(Forbidden::Own) } else { Ok(()) }
    }

    fn check_port(&self, port: u16) -> Result<(), Forbidden> {
        let ports = &self.rules.ports;
        let open = port != 0 && (ports.is_empty() || ports.iter().any(|range| range.contains(&port)));
        if open { Ok(()) } else { Err(Forbidden::Port(port)) }
    }

    fn check_ip(&self, ip: IpAddr) -> Result<(), Forbidden> {
        let refuse = |why| Err(Forbidden::Address(ip, why));
        let AddressRules { allow, deny, .. } = &*self.rules;
        if deny.iter().any(|net| net.contains(&ip)) {
            return refuse("its network is denied");
        }
        let closed = self.closed.iter().find(|(net, _)| net.contains(&ip));
        if let Some((net, why)) = closed {
            let opened = allow.iter().any(|allowed| net.contains(allowed) && allowed.contains(&ip));
            return if opened { Ok(()) } else { refuse(why) };
        }
        if allow.is_empty() || allow.iter().any(|net| net.contains(&ip)) {
            return Ok(());
        }
        refuse("its network is not among the allowed ones")
    }

    /// A call that comes back to the gateway would go round and round, with the gateway's address as its origin.
    fn is_own(&self, at: SocketAddr) -> bool {
        self.own.iter().filter(|own| own.port() == at.port()).any(|own| {
            let ip = own.ip().to_canonical();
            ip == at.ip() || (ip.is_unspecified() && is_this_machine(at.ip()))
        })
    }
}

fn carried(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V6(ip) => carried_ipv4(ip).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    }
}

/// The system would send from an address to itself only when it is its own. No packet leaves.
fn is_this_machine(ip: IpAddr) -> bool {
    let any = if ip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let Ok(socket) = UdpSocket::bind(any) else { return ip.is_loopback() };
    let connected = socket.connect((ip, 9));
    ip.is_loopback() || (connected.is_ok() && socket.local_addr().is_ok_and(|own| own.ip() == ip))
}

#[cfg(test)]
mod tests;
