//! Where an upstream is: at an address, or wherever the directory says.

use super::{
    OutgoingBody, RackBody, Silence, Trust, TrustError, UpstreamError,
    connect::Connector,
    pool::{Pool, PoolError},
    service::Services,
};
use http::{HeaderValue, Request, Response};
use std::time::Duration;
use url::Url;

/// The scheme of addresses that name a service of the directory.
pub const SERVICE: &str = "svc";

#[derive(Debug)]
pub(super) enum Way {
    Address {
        host: HeaderValue,
        pool: Pool,
        silence: Silence,
    },
    /// Asked anew with each request.
    Service {
        slug: String,
        services: Box<Services>,
    },
}

/// Why there is no way.
#[derive(Debug)]
pub(super) enum Unusable {
    Trust(TrustError),
    Address(String),
}

impl Way {
    /// To an `http` or `https` address.
    pub fn to_address(
        url: &Url,
        trust: &Trust,
        connect_timeout: Duration,
        silence: Silence,
    ) -> Result<Self, Unusable> {
        let bad = |why: &str| Unusable::Address(why.to_owned());
        if url.scheme() == SERVICE {
            return Err(bad("it needs the directory"));
        }
        let host = url.host_str().ok_or_else(|| bad("it has no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let port = url.port_or_known_default().ok_or_else(|| bad("it has no port"))?;
        let mut connector = Connector::plain(host, port, connect_timeout);
        if url.scheme() == "https" {
            connector = connector.with_tls(trust).map_err(Unusable::Trust)?;
        }
        let host = HeaderValue::from_str(&authority).map_err(|error| bad(&error.to_string()))?;
        Ok(Self::Address { host, pool: Pool::new(connector, silence.0), silence })
    }

    /// To the service whose slug is the host of the address.
    pub fn to_service(url: &Url, services: Services) -> Self {
        let slug = url.host_str().unwrap_or_default().to_owned();
        Self::Service { slug, services: Box::new(services) }
    }

    /// What requests name as their host; an instance puts in its own.
    pub const fn host(&self) -> Option<&HeaderValue> {
        match self {
            Self::Address { host, .. } => Some(host),
            Self::Service { .. } => None,
        }
    }

    /// The head of an answer names the instance that gave it by the extension `Reached`.
    pub async fn exchange(
        &self,
        request: Request<OutgoingBody>,
    ) -> Result<Response<RackBody>, UpstreamError> {
        match self {
            Self::Service { slug, services } => {
                let answered = Box::pin(services.forward(slug, request)).await?;
                Ok(answered.answer.map(|body| body.holding(answered.busy)))
            }
            Self::Address { pool, silence, .. } => {
                pool.send(&mut Some(request)).await.map_err(|error| match error {
                    PoolError::Connect(cause) => UpstreamError::Unreachable(cause),
                    PoolError::Exchange(cause) => UpstreamError::Broken(cause),
                    PoolError::Silence => UpstreamError::TimedOut(silence.0),
                })
            }
        }
    }
}
