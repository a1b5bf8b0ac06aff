//! One active check: what is dialled is exactly what the guard let through.

use super::{Address, AddressGuard, Check, CheckKind, DialError, InstanceTls, Scheme, health::Finding};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// What takes longer works, but not well.
const SLOW: Duration = Duration::from_secs(1);
/// Most that the head of an answer may hold.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const USER_AGENT: &str = concat!("rack-gateway-check/", env!("CARGO_PKG_VERSION"));

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Cheap to clone.
#[derive(Clone)]
pub struct Prober {
    guard: AddressGuard,
    /// `None` when the system's authorities cannot be used.
    tls: Option<InstanceTls>,
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Prober {
    /// One that believes whom the authorities of the system vouch for.
    pub fn new(guard: AddressGuard) -> Self {
        Self { guard, tls: system() }
    }

    /// One that believes those.
    #[must_use]
    pub fn believing(self, tls: InstanceTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Looks once at an instance of the service. Ends after the check's timeout at the latest.
    pub async fn look(&self, slug: &str, address: &Address, check: &Check) -> Finding {
        let began = Instant::now();
        let looked = async {
            match check.kind {
                CheckKind::Http => self.ask(slug, address, check).await,
                _ => self.dial(address).await.map(|_| Finding::Passing),
            }
        };
        let finding = match tokio::time::timeout(check.timeout, Box::pin(looked)).await {
            Ok(Ok(finding)) => finding,
            Ok(Err(finding)) => finding,
            Err(_) => Finding::Away(format!("no answer within {:?}", check.timeout)),
        };
        let took = began.elapsed();
        match finding {
            Finding::Passing if took > SLOW => Finding::Warning(format!("slow: {} ms", took.as_millis())),
            other => other,
        }
    }

    async fn dial(&self, address: &Address) -> Result<TcpStream, Finding> {
        let found = self.guard.resolve(&address.host, address.port).await.map_err(|error| match error {
            DialError::Forbidden(forbidden) => Finding::Wrong(forbidden.to_string()),
            DialError::Io(_) => Finding::Away("its name cannot be resolved".to_owned()),
        })?;
        let mut last = None;
        for at in found {
            match TcpStream::connect(at).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(Finding::Away(last.map_or("it has no address", |error| why(&error)).to_owned()))
    }

    async fn ask(&self, slug: &str, address: &Address, check: &Check) -> Result<Finding, Finding> {
        let stream = self.dial(address).await?;
        let stream: Box<dyn Stream> = match address.scheme {
            Scheme::Http => Box::new(stream),
            Scheme::Https => self.encrypted(slug, address, stream).await?,
        };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
        let broken = |_| Finding::Wrong("it does not speak HTTP".to_owned());
        let (mut sender, connection) =
            builder.handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(broken)?;
        let mut asked = std::pin::pin!(sender.send_request(request(address, check)?));
        // A server may close behind its answer, so the end of the connection is not the end of the matter.
        let answer = tokio::select! {
            biased;
            answer = &mut asked => answer,
            _ = connection => asked.await,
        };
        Ok(judge(answer.map_err(broken)?.status(), check.expect))
    }

    async fn encrypted(
        &self,
        slug: &str,
        address: &Address,
        stream: TcpStream,
    ) -> Result<Box<dyn Stream>, Finding> {
        let tls = self.tls.as_ref().ok_or_else(|| Finding::Wrong("TLS is not available".to_owned()))?;
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| Finding::Wrong("its host cannot have a certificate".to_owned()))?;
        let encrypted = TlsConnector::from(tls.of(slug)).connect(name, stream).await;
        encrypted.map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(|error| {
            tracing::debug!(%error, host = address.host, "a check found no TLS");
            Finding::Wrong("its TLS or its certificate is not right".to_owned())
        })
    }
}

fn system() -> Option<InstanceTls> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(builder.with_platform_verifier().ok()?.with_no_client_auth().into())
}

fn request(address: &Address, check: &Check) -> Result<Request<Empty<Bytes>>, Finding> {
    let path = match (check.path.as_str(), address.path.as_str()) {
        ("", "") => "/",
        ("", own) => own,
        (path, _) => path,
    };
    Request::get(path)
        .header(header::HOST, address.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| Finding::Wrong("the path of its check cannot be asked for".to_owned()))
}

fn judge(status: StatusCode, expect: Option<u16>) -> Finding {
    let is_expected = expect.map_or(status.is_success(), |expect| expect == status.as_u16());
    match status {
        _ if is_expected => Finding::Passing,
        StatusCode::TOO_MANY_REQUESTS => Finding::Warning("answered 429".to_owned()),
        _ => Finding::Wrong(format!("answered {}", status.as_u16())),
    }
}

fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to it",
        io::ErrorKind::TimedOut => "connection timed out",
        _ => "it cannot be connected to",
    }
}

#[cfg(test)]
mod tests;
