//! What a start refuses although every setting is well formed: files that do not hold what they must. They are read
//! here as a start reads them, for `config check`.

use super::tls;
use crate::{
    cli::Unusable,
    config::{Config, RackTrust, RegistryPlace, ServiceTrust, TlsFiles},
    listener::{Certificate, CertificateError},
    notify::mail::Smtp,
    upstream::Trust,
};
use std::path::{Path, PathBuf};

pub fn unusable(config: &Config) -> Vec<Unusable> {
    // An error means that a provider is installed already, which can only be this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certificate = config.server.tls.as_ref().and_then(certificate);
    let authorities = [racks(config), services(config), registry(config), artifact(config)].concat();
    let authorities = authorities.into_iter().filter_map(Authorities::unusable);
    certificate.into_iter().chain(authorities).chain(mail(config)).collect()
}

fn certificate(files: &TlsFiles) -> Option<Unusable> {
    let error = Certificate::load(tls::files(files)).err()?;
    let key = match &error {
        CertificateError::Key { .. } => "TLS_KEY_FILE",
        CertificateError::Chain { .. } | CertificateError::Pair { .. } | CertificateError::Expired { .. } => {
            "TLS_CERT_FILE"
        }
    };
    Some(Unusable { key: key.to_owned(), problem: error.to_string() })
}

/// A file of them, and the setting that names it.
#[derive(Clone)]
struct Authorities {
    key: String,
    path: PathBuf,
}

impl Authorities {
    fn of(key: &str, path: &Path) -> Self {
        Self { key: key.to_owned(), path: path.to_owned() }
    }

    fn unusable(self) -> Option<Unusable> {
        let error = Trust::Authority(self.path).client_config().err()?;
        Some(Unusable { key: self.key, problem: error.to_string() })
    }
}

fn racks(config: &Config) -> Vec<Authorities> {
    let of_rack = |name: &str, path| Authorities {
        key: setting(config, format!("racks.{name}.ca_file"), "RACK_CA_FILE"),
        path,
    };
    let named = config.racks.iter().filter_map(|rack| match &rack.trust {
        RackTrust::CaFile(path) => Some(of_rack(&rack.name, path.clone())),
        RackTrust::System | RackTrust::PinSha256(_) => None,
    });
    named.collect()
}

fn services(config: &Config) -> Vec<Authorities> {
    let services = &config.services;
    let usual = services.ca_file.iter().map(|path| Authorities::of("SERVICE_CA_FILE", path));
    let own = services.trust.values().filter_map(|trust| match trust {
        ServiceTrust::CaFile(path) => Some(Authorities::of("SERVICE_TRUST", path)),
        ServiceTrust::PinSha256(_) => None,
    });
    usual.chain(own).collect()
}

/// The one behind, and who hears of what happens in a registry; without a registry nobody does.
fn registry(config: &Config) -> Vec<Authorities> {
    let behind = match &config.registry.place {
        RegistryPlace::Upstream(upstream) => upstream.authorities.as_ref(),
        RegistryPlace::Directory(_) | RegistryPlace::S3(_) => None,
        RegistryPlace::Off => return Vec::new(),
    };
    let behind = behind.map(|path| Authorities::of("REGISTRY_UPSTREAM_CA_FILE", path));
    let receivers = config.webhooks.iter().filter_map(|webhook| {
        let key = setting(config, format!("webhooks.{}.ca_file", webhook.name), "WEBHOOK_CA_FILE");
        Some(Authorities { key, path: webhook.ca_file.clone()? })
    });
    behind.into_iter().chain(receivers).collect()
}

fn artifact(config: &Config) -> Vec<Authorities> {
    let path = config.artifact.as_ref().and_then(|artifact| artifact.ca_file.as_ref());
    path.map(|path| Authorities::of("ARTIFACT_CA_FILE", path)).into_iter().collect()
}

fn mail(config: &Config) -> Option<Unusable> {
    let mail = config.mail.as_ref().filter(|mail| mail.ca_file.is_some())?;
    let error = Smtp::new(mail).err()?;
    Some(Unusable { key: "SMTP_CA_FILE".to_owned(), problem: error.to_string() })
}

/// A key that only the file knows; what the environment may set too goes by the name of the variable.
fn setting(config: &Config, key: String, variable: &str) -> String {
    if config.summary().iter().any(|(known, ..)| *known == key) { key } else { variable.to_owned() }
}
