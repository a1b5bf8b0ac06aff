//! A service that the gateway itself stands before, because its configuration names it: `svc://slug`.

use super::{ServiceError, Services};
use crate::{
    directory::{Reached, Scheme},
    upstream::{
        OutgoingBody, RackBody,
        connect::Connector,
        line::{Line, NoAnswer},
    },
};
use http::{HeaderValue, Request, Response, header::HOST};
use rustls::ClientConfig;
use std::{io, sync::Arc, time::Duration};
use tokio::time::Instant;
use url::{Origin, Url};

/// Whoever uses it has decided that what is sent may be sent.
#[derive(Debug)]
pub struct OwnService {
    slug: String,
    services: Services,
    /// Trust in those to whom an instance redirects.
    elsewhere: Arc<ClientConfig>,
}

impl OwnService {
    pub fn new(slug: &str, services: Services, elsewhere: Arc<ClientConfig>) -> Self {
        Self { slug: slug.to_owned(), services, elsewhere }
    }

    /// Sends to one of its instances, which the answer names by its extension `Reached`. Path and query are those of
    /// the service.
    pub async fn send(&self, request: Request<OutgoingBody>) -> Result<Response<RackBody>, ServiceError> {
        let answered = Box::pin(self.services.forward(&self.slug, request)).await?;
        Ok(answered.answer.map(|body| body.holding(answered.busy)))
    }

    /// Fetches what an instance redirected to. Whoever registers a service must not lead the gateway where no service
    /// may be registered, so the address is checked as that of an instance is.
    pub async fn fetch(
        &self,
        url: &Url,
        by: &Reached,
        mut request: Request<OutgoingBody>,
    ) -> Result<Response<RackBody>, ServiceError> {
        let nowhere = || ServiceError::Unreachable(io::ErrorKind::InvalidInput.into());
        let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or_else(nowhere)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        request.headers_mut().insert(HOST, HeaderValue::from_str(&authority).map_err(http::Error::from)?);
        let (dial, limit) = (&self.services.dial, self.services.limits(&self.slug).connect);
        let mut connector = Connector::plain(host, port, limit).guarded(dial.guard.clone());
        if url.scheme() == Scheme::Https.as_str() {
            let is_own = url.origin() == origin(by);
            let tls = if is_own { dial.tls.of(&self.slug) } else { self.elsewhere.clone() };
            connector = connector.with_tls_config(tls).map_err(|_| nowhere())?;
        }
        ask(connector.connect().await.map_err(ServiceError::Unreachable)?, request).await
    }
}

/// One exchange, after which the connection is closed.
async fn ask(mut line: Line, request: Request<OutgoingBody>) -> Result<Response<RackBody>, ServiceError> {
    // Who asks knows how long is too long.
    match line.ask(&mut Some(request), Instant::now(), Duration::MAX, None).await {
        Ok(answer) => {
            line.finish();
            Ok(answer.map(|body| RackBody::new(body, None)))
        }
        Err(NoAnswer::Unsent(cause) | NoAnswer::Failed(cause)) => Err(ServiceError::Broken(cause)),
        Err(NoAnswer::Silence) => Err(ServiceError::TimedOut(Duration::MAX)),
    }
}

fn origin(reached: &Reached) -> Origin {
    let address = &reached.address;
    let url = format!("{}://{}/", address.scheme.as_str(), address.authority());
    Url::parse(&url).map_or_else(|_| Origin::new_opaque(), |url| url.origin())
}
