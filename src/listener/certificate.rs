//! The certificate that is shown to clients, which may be replaced while connections are open.

use crate::core::Timestamp;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use std::{path::Path, path::PathBuf, sync::Arc};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Why a certificate is not shown. Each sentence names the file and the mend.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    #[error("{}: {why}; it must hold a PEM certificate chain", path.display())]
    Chain { path: PathBuf, why: String },
    #[error("{}: {why}; it must hold a PEM private key", path.display())]
    Key { path: PathBuf, why: String },
    #[error("{}: {why}; does the key belong to the certificate?", path.display())]
    Pair { path: PathBuf, why: String },
    #[error("{}: the certificate expired at {at}; write one that is still valid", path.display())]
    Expired { path: PathBuf, at: Timestamp },
}

/// Where a chain and its key lie.
#[derive(Debug, Clone, Copy)]
pub struct CertificateFiles<'a> {
    pub chain: &'a Path,
    pub key: &'a Path,
}

#[derive(Debug)]
pub struct Certificate(ArcSwap<Shown>);

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    expires_at: Timestamp,
}

impl Certificate {
    /// An expired one is accepted here: a gateway that does not start is worse.
    pub fn load(files: CertificateFiles<'_>) -> Result<Arc<Self>, CertificateError> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(Shown::read(files)?))))
    }

    /// Reads the files again. True when connections from now on get another certificate; those that are open keep
    /// theirs. What cannot be used, or has expired by `now`, replaces nothing.
    pub fn reload(&self, files: CertificateFiles<'_>, now: Timestamp) -> Result<bool, CertificateError> {
        let read = Shown::read(files)?;
        if read.key.cert == self.0.load().key.cert {
            return Ok(false);
        }
        if read.expires_at <= now {
            return Err(CertificateError::Expired { path: files.chain.to_owned(), at: read.expires_at });
        }
        self.0.store(Arc::new(read));
        Ok(true)
    }

    pub fn expires_at(&self) -> Timestamp {
        self.0.load().expires_at
    }

    /// HTTP/1.1 is the only protocol that is offered: websockets need it, and what is not spoken cannot be attacked.
    pub fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

impl Shown {
    fn read(files: CertificateFiles<'_>) -> Result<Self, CertificateError> {
        let CertificateFiles { chain: chain_path, key: key_path } = files;
        let bad_chain = |why: String| CertificateError::Chain { path: chain_path.to_owned(), why };
        let chain = CertificateDer::pem_file_iter(chain_path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad_chain(error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| bad_chain("no certificate found".to_owned()))?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| bad_chain(error.to_string()))?;
        let expires_at =
            Timestamp::from_micros(leaf.validity().not_after.timestamp().saturating_mul(1_000_000));
        let key = PrivateKeyDer::from_pem_file(key_path)
            .map_err(|error| CertificateError::Key { path: key_path.to_owned(), why: error.to_string() })?;
        let bad_pair = |why: String| CertificateError::Pair { path: chain_path.to_owned(), why };
        let provider = CryptoProvider::get_default().ok_or_else(|| bad_pair("no cryptography".to_owned()))?;
        let key =
            CertifiedKey::from_der(chain, key, provider).map_err(|error| bad_pair(error.to_string()))?;
        Ok(Self { key: Arc::new(key), expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use std::fs;
    use tempfile::TempDir;

    struct Files(TempDir);

    impl Files {
        fn new() -> Self {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            Self(tempfile::tempdir().unwrap())
        }

        fn chain(&self) -> PathBuf {
            self.0.path().join("cert.pem")
        }

        fn key(&self) -> PathBuf {
            self.0.path().join("key.pem")
        }

        /// A new certificate that is good until that year, and its key.
        fn write(&self, until: i32) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(["gateway.example.com".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            fs::write(self.chain(), params.self_signed(&key).unwrap().pem()).unwrap();
            fs::write(self.key(), key.serialize_pem()).unwrap();
        }

        fn load(&self) -> Result<Arc<Certificate>, CertificateError> {
            let (chain, key) = (self.chain(), self.key());
            Certificate::load(CertificateFiles { chain: &chain, key: &key })
        }

        fn reload(&self, certificate: &Certificate) -> Result<bool, CertificateError> {
            let (chain, key) = (self.chain(), self.key());
            certificate.reload(CertificateFiles { chain: &chain, key: &key }, now())
        }
    }

    /// 2026-01-01
    fn now() -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000)
    }

    #[test]
    fn a_new_one_replaces_the_old_one_and_tells_its_end() {
        let files = Files::new();
        files.write(2027);
        let certificate = files.load().unwrap();
        // 2027-01-01
        assert_eq!(certificate.expires_at().as_micros(), 1_798_761_600_000_000);
        assert_eq!(files.reload(&certificate), Ok(false), "nothing has changed");
        files.write(2028);
        assert_eq!(files.reload(&certificate), Ok(true));
        assert_eq!(certificate.expires_at().as_micros(), 1_830_297_600_000_000);
    }

    #[test]
    fn a_bad_one_replaces_nothing() {
        let files = Files::new();
        files.write(2027);
        let certificate = files.load().unwrap();
        let shown = certificate.expires_at();

        let chain = fs::read(files.chain()).unwrap();
        files.write(2030);
        fs::write(files.chain(), chain).unwrap();
        assert!(matches!(files.reload(&certificate), Err(CertificateError::Pair { .. })));
        fs::write(files.chain(), "no certificate").unwrap();
        assert!(matches!(files.reload(&certificate), Err(CertificateError::Chain { .. })));
        fs::remove_file(files.chain()).unwrap();
        assert!(matches!(files.reload(&certificate), Err(CertificateError::Chain { .. })));
        files.write(2030);
        fs::write(files.key(), "no key").unwrap();
        assert!(matches!(files.reload(&certificate), Err(CertificateError::Key { .. })));
        files.write(2025);
        let expired = files.reload(&certificate).unwrap_err();
        assert!(expired.to_string().contains("expired at 2025-01-01T00:00:00"), "{expired}");
        assert_eq!(certificate.expires_at(), shown);
        files.write(2030);
        assert_eq!(files.reload(&certificate), Ok(true), "and a good one after it does");
    }
}
