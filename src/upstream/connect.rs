//! Opening a connection to a rack.

use super::{Trust, TrustError, line::Line};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
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
        Self { host, port, tls: None, limit }
    }

    pub fn with_tls(mut self, trust: &Trust) -> Result<Self, TrustError> {
        let name =
            ServerName::try_from(self.host.clone()).map_err(|_| TrustError::Name(self.host.clone()))?;
        self.tls = Some((TlsConnector::from(Arc::new(trust.client_config()?)), name));
        Ok(self)
    }

    pub async fn connect(&self) -> io::Result<Line> {
        timeout(self.limit, self.open()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn open(&self) -> io::Result<Line> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Either::Left(tcp),
            Some((tls, name)) => Either::Right(tls.connect(name.clone(), tcp).await?),
        };
        // HTTP/1.1 only: a connection that spoke HTTP/2 could not carry a websocket.
        let (sender, connection) =
            Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Line::new(sender, connection))
    }
}
