//! The listener's certificate.

use super::BootError;
use crate::{
    config::TlsFiles,
    core::Timestamp,
    listener::{Certificate, CertificateFiles},
};
use std::sync::Arc;

pub fn files(files: &TlsFiles) -> CertificateFiles<'_> {
    CertificateFiles { chain: &files.cert, key: &files.key }
}

pub fn certificate(tls: &TlsFiles, now: Timestamp) -> Result<Arc<Certificate>, BootError> {
    let certificate = Certificate::load(files(tls)).map_err(|error| BootError::Tls(error.to_string()))?;
    if certificate.expires_at() <= now {
        tracing::warn!(
            file = %tls.cert.display(),
            expired_at = %certificate.expires_at(),
            "the certificate has expired; clients will refuse it"
        );
    }
    Ok(certificate)
}
