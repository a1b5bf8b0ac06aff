//! The listener's certificate.

use super::BootError;
use crate::config::TlsFiles;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use std::sync::Arc;

/// HTTP/1.1 is the only protocol that is offered: websockets need it, and what is not spoken cannot be attacked.
pub fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, BootError> {
    let bad = |path: &std::path::Path, why: String| BootError::Tls(format!("{}: {why}", path.display()));
    let chain =
        CertificateDer::pem_file_iter(&files.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(&files.cert, format!("{error}; it must hold a PEM certificate chain")))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| bad(&files.key, format!("{error}; it must hold a PEM private key")))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad(&files.cert, format!("{error}; does the key belong to the certificate?")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
