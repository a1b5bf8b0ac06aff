//! Whom we believe to be the rack: the system's authorities, one authority from a file, or one certificate.

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use rustls_platform_verifier::BuilderVerifierExt as _;
use sha2::{Digest as _, Sha256};
use std::{path::PathBuf, sync::Arc};
use subtle::ConstantTimeEq as _;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    System,
    Authority(PathBuf),
    /// SHA-256 of the leaf certificate in DER. Racks sign their own certificates, for the name `api`, so the
    /// name is not compared; the key must still prove itself in the handshake.
    Pin([u8; 32]),
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot read certificates from {path}: {why}; the file must hold PEM certificates")]
    Authority { path: PathBuf, why: String },
    #[error("the system's certificate authorities cannot be used: {0}")]
    System(#[source] rustls::Error),
    #[error("\"{0}\" is neither a host name nor an address, so no certificate can be for it")]
    Name(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Trust {
    pub fn client_config(&self) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let config = match self {
            Self::System => {
                builder.with_platform_verifier().map_err(TrustError::System)?.with_no_client_auth()
            }
            Self::Authority(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            Self::Pin(pin) => {
                let verifier = Arc::new(Pinned { pin: *pin, provider });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        Ok(config)
    }
}

fn roots(path: &PathBuf) -> Result<RootCertStore, TrustError> {
    let fail = |why: String| TrustError::Authority { path: path.clone(), why };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))? {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        store.add(certificate).map_err(|error| fail(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(fail("it holds no certificate".to_owned()));
    }
    Ok(store)
}

#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen: [u8; 32] = Sha256::digest(leaf.as_ref()).into();
        if bool::from(seen.ct_eq(&self.pin)) {
            return Ok(ServerCertVerified::assertion());
        }
        let why = format!("the certificate's SHA-256 is {}, which is not the pinned one", hex::encode(seen));
        Err(rustls::Error::General(why))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
