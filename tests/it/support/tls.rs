//! Certificates, and a rack behind TLS.

use rack_gateway::demo::rack::{DemoRack, DemoRackOptions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs::{default_provider, sign::any_supported_type},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub pem: String,
    pub key_pem: String,
    key: Vec<u8>,
}

/// An authority that signs identities.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// For these host names and addresses.
    pub fn sign(&self, names: &[&str]) -> Identity {
        self.sign_until(names, 2050)
    }

    pub fn sign_until(&self, names: &[&str], year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names, year).signed_by(&key, &self.issuer).unwrap();
        Identity::of(&certificate, &key)
    }
}

impl Identity {
    /// As a rack makes its own: for the name `api`, signed by itself.
    pub fn of_a_rack() -> Self {
        Self::self_signed(&["api"])
    }

    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::of(&params(names, 2050).self_signed(&key).unwrap(), &key)
    }

    fn of(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: key.serialize_der(),
        }
    }

    /// This certificate with the key of another: what somebody can show who only has seen it.
    pub fn with_key_of(&self, other: &Self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            pem: self.pem.clone(),
            key_pem: other.key_pem.clone(),
            key: other.key.clone(),
        }
    }

    /// SHA-256 of the certificate, in hexadecimal.
    pub fn pin(&self) -> String {
        hex::encode(Sha256::digest(&self.certificate))
    }

    pub fn server_config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let key = any_supported_type(&PrivateKeyDer::Pkcs8(self.key.clone().into())).unwrap();
        let shown = CertifiedKey::new(vec![self.certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(Arc::new(shown))));
        Arc::new(config)
    }
}

/// Speaks TLS as `identity` before a server that does not, for as long as the test runs.
pub async fn before(identity: &Identity, plain: SocketAddr) -> SocketAddr {
    let acceptor = TlsAcceptor::from(identity.server_config(rustls::DEFAULT_VERSIONS));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut inside) = acceptor.accept(stream).await else { return };
                let mut outside = TcpStream::connect(plain).await.unwrap();
                drop(copy_bidirectional(&mut inside, &mut outside).await);
            });
        }
    });
    address
}

fn params(names: &[&str], last_year: i32) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names[0].clone());
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
    params
}

/// Shows its certificate without asking whether the key belongs to it.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A demo rack with TLS before it.
pub struct TlsRack {
    pub rack: DemoRack,
    address: SocketAddr,
    sessions: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl TlsRack {
    pub async fn start(identity: &Identity) -> Self {
        Self::speaking(identity, rustls::DEFAULT_VERSIONS).await
    }

    pub async fn speaking(identity: &Identity, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
        let acceptor = TlsAcceptor::from(identity.server_config(versions));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sessions, plain) = (Arc::new(AtomicUsize::new(0)), rack.address());
        let counter = sessions.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counter) = (acceptor.clone(), counter.clone());
                tokio::spawn(async move {
                    let Ok(mut session) = acceptor.accept(stream).await else { return };
                    let mut rack = TcpStream::connect(plain).await.unwrap();
                    counter.fetch_add(1, Ordering::SeqCst);
                    let _ = copy_bidirectional(&mut session, &mut rack).await;
                });
            }
        });
        Self { rack, address, sessions, serving }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The same under a name.
    pub fn url_as(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// Sessions that the gateway has accepted.
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::SeqCst)
    }
}

impl Drop for TlsRack {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
