//! Opening a connection to a rack or a service.

use super::{Trust, TrustError, line::Line};
use crate::directory::AddressGuard;
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// For the name, the connection and TLS together.
    limit: Duration,
    /// Looks at addresses before they are dialled.
    guard: Option<AddressGuard>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// `host` as in a URL, an IPv6 address in brackets.
    pub fn plain(host: &str, port: u16, limit: Duration) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { host, port, tls: None, limit, guard: None }
    }

    /// Dials what the guard allows, and nothing that was resolved a second time.
    pub fn guarded(self, guard: AddressGuard) -> Self {
        Self { guard: Some(guard), ..self }
    }

    pub fn with_tls(self, trust: &Trust) -> Result<Self, TrustError> {
        self.with_tls_config(Arc::new(trust.client_config()?))
    }

    /// With what [`Trust::client_config`] made.
    pub fn with_tls_config(mut self, config: Arc<ClientConfig>) -> Result<Self, TrustError> {
        let name =
            ServerName::try_from(self.host.clone()).map_err(|_| TrustError::Name(self.host.clone()))?;
        self.tls = Some((TlsConnector::from(config), name));
        Ok(self)
    }

    pub async fn connect(&self) -> io::Result<Line> {
        timeout(self.limit, self.open()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn open(&self) -> io::Result<Line> {
        let tcp = match &self.guard {
            None => TcpStream::connect((self.host.as_str(), self.port)).await?,
            Some(guard) => {
                let checked = guard.resolve(&self.host, self.port).await.map_err(io::Error::other)?;
                TcpStream::connect(checked.as_slice()).await?
            }
        };
        tcp.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Either::Left(tcp.into()),
            Some((tls, name)) => Either::Right(Box::new(tls.connect(name.clone(), tcp).await?)),
        };
        // HTTP/1.1 only: a connection that spoke HTTP/2 could not carry a websocket.
        let (sender, connection) =
            Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Line::new(sender, connection))
    }
}
