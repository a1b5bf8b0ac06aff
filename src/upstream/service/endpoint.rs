//! One instance as the gateway reaches it: its address, its connections, how busy it is and how it has done.

use super::{ServiceLimits, ejection::Standing};
use crate::{
    directory::{Address, AddressGuard, Instance, InstanceId, InstanceTls, Reached, Scheme},
    upstream::{
        OutgoingBody, RackBody,
        connect::Connector,
        pool::{Pool, PoolError},
    },
};
use http::{HeaderValue, Request, Response, Uri, header::HOST, uri::PathAndQuery};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How connections to instances are made.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub guard: AddressGuard,
    pub tls: InstanceTls,
    /// Instances without TLS are passed over.
    pub needs_tls: bool,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub id: InstanceId,
    pub address: Address,
    /// Of the record that it was last seen with.
    pub revision: u64,
    pub standing: Arc<Standing>,
    host: HeaderValue,
    reach: Arc<Reach>,
}

/// What outlives a change of the record that leaves the address as it is.
#[derive(Debug)]
struct Reach {
    pool: Pool,
    busy: AtomicUsize,
}

impl Endpoint {
    /// `None` for an address that no request can, or may, be sent to.
    pub fn open(instance: &Instance, dial: &Dial, limits: ServiceLimits) -> Option<Self> {
        let address = instance.address.clone();
        let connector =
            Connector::plain(&address.host, address.port, limits.connect).guarded(dial.guard.clone());
        let connector = match address.scheme {
            Scheme::Http if dial.needs_tls => return None,
            Scheme::Http => connector,
            Scheme::Https => connector.with_tls_config(dial.tls.of(&instance.slug)).ok()?,
        };
        Some(Self {
            id: instance.id.clone(),
            revision: instance.revision,
            standing: Arc::default(),
            host: HeaderValue::from_str(&host(&address)).ok()?,
            reach: Arc::new(Reach { pool: Pool::new(connector, limits.response), busy: AtomicUsize::new(0) }),
            address,
        })
    }

    /// The same place after its record has changed: whoever registers again, or is found healthy again, begins anew.
    pub fn anew(&self, instance: &Instance) -> Self {
        Self {
            id: self.id.clone(),
            address: self.address.clone(),
            revision: instance.revision,
            standing: Arc::default(),
            host: self.host.clone(),
            reach: self.reach.clone(),
        }
    }

    /// What records are to say of an answer that it gave.
    pub fn reached(&self) -> Reached {
        Reached { id: self.id.clone(), address: self.address.clone() }
    }

    pub fn busy(&self) -> usize {
        self.reach.busy.load(Ordering::Relaxed)
    }

    /// Counts a call until what it returns is dropped.
    pub fn occupy(&self) -> Busy {
        self.reach.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.reach.clone())
    }

    /// Sends a request whose target is still that of the service. It stays where it is when nothing was sent.
    pub async fn send(
        &self,
        request: &mut Option<Request<OutgoingBody>>,
    ) -> Result<Response<RackBody>, PoolError> {
        self.reach.pool.send(request).await
    }

    /// Puts the instance's own host and path into a request for its service.
    pub fn address_to(&self, request: &mut Request<OutgoingBody>) -> Result<(), http::Error> {
        let asked = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        if !self.address.path.is_empty() {
            let path = format!("{}{asked}", self.address.path);
            *request.uri_mut() = Uri::from(PathAndQuery::from_maybe_shared(path)?);
        }
        request.headers_mut().insert(HOST, self.host.clone());
        Ok(())
    }
}

/// A call that is under way.
#[derive(Debug)]
pub struct Busy(Arc<Reach>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// As clients write it: without the port that the scheme means anyway.
fn host(address: &Address) -> String {
    let authority = address.authority();
    let usual = format!(":{}", address.scheme.default_port());
    authority.strip_suffix(&usual).map_or(authority.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_written_as_clients_do() {
        for (url, expected) in [
            ("http://web:80/x", "web"),
            ("http://web:8080", "web:8080"),
            ("https://web", "web"),
            ("https://web:80", "web:80"),
            ("http://[2001:db8::1]", "[2001:db8::1]"),
            ("http://[2001:db8::80]:8080", "[2001:db8::80]:8080"),
        ] {
            assert_eq!(host(&Address::from_url(url).unwrap()), expected, "{url}");
        }
    }
}
