//! The artifact registry behind the gateway.

use super::{
    reader::{Place, Reader},
    values::{self, Checked, size},
    variables::{
        ARTIFACT_CA_FILE, ARTIFACT_MAX_UPLOAD, ARTIFACT_PUBLIC, ARTIFACT_SPOOL_DIR, ARTIFACT_TOKEN,
        ARTIFACT_URL,
    },
};
use crate::core::Secret;
use std::path::PathBuf;
use url::{Host, Url};

#[derive(Debug, Clone)]
pub struct ArtifactConfig {
    /// `http`, `https`, or `svc` for a service of the directory; without a credential.
    pub url: Url,
    pub token: Option<Secret>,
    pub ca_file: Option<PathBuf>,
    /// Patterns of what anybody may read.
    pub public: Vec<String>,
    pub max_upload: u64,
    pub spool_dir: Option<PathBuf>,
}

const LARGEST: u64 = 1 << 40;

/// `None` when there is none, or when an error was recorded.
pub(super) fn read(r: &mut Reader<'_>) -> Option<ArtifactConfig> {
    let url = r.optional(&ARTIFACT_URL, place);
    let token = r.optional(&ARTIFACT_TOKEN, values::secret);
    let ca_file = r.optional(&ARTIFACT_CA_FILE, values::existing_file);
    let public = r.list(&ARTIFACT_PUBLIC, values::repository_pattern);
    let max_upload = r.required(&ARTIFACT_MAX_UPLOAD, size(1..=LARGEST));
    let spool_dir = r.optional(&ARTIFACT_SPOOL_DIR, directory);
    if !r.is_set(&Place::from(&ARTIFACT_URL)) {
        for row in [&ARTIFACT_TOKEN, &ARTIFACT_CA_FILE, &ARTIFACT_PUBLIC, &ARTIFACT_SPOOL_DIR] {
            if r.is_set(&Place::from(row)) {
                r.warn_about(&Place::from(row), "has no effect without ARTIFACT_URL");
            }
        }
        return None;
    }
    let url = url?;
    if url.scheme() == "http" && token.is_some() && !is_local(&url) {
        let doubt = "plain http carries the gateway's token readable over the network; write an https URL";
        r.warn_about(&Place::from(&ARTIFACT_URL), doubt);
    }
    if values::is_of_service(&url) && ca_file.is_none() {
        let doubt = "trusts whoever holds the slug in the directory with what is published and with the gateway's token; \
                     name the authority of its certificate with ARTIFACT_CA_FILE";
        r.warn_about(&Place::from(&ARTIFACT_URL), doubt);
    }
    if url.scheme() == "http" && ca_file.is_some() {
        r.complain_about(&ARTIFACT_CA_FILE, "needs an https URL; correct the URL or remove this".to_owned());
        return None;
    }
    Some(ArtifactConfig { url, token, ca_file, public, max_upload: max_upload? as u64, spool_dir })
}

/// Where the server stands: at an address, or wherever the directory says.
fn place(text: &str) -> Checked<Url> {
    values::service_url(text).unwrap_or_else(|| web_address(text))
}

/// An `http(s)` URL with nothing in it but scheme, host, port and path.
pub(super) fn web_address(text: &str) -> Checked<Url> {
    let mend = || "is not an http(s) URL; write for example https://artifacts.example.com".to_owned();
    let url = Url::parse(text).map_err(|_| mend())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(mend());
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.fragment().is_some()
        || url.query().is_some()
    {
        return Err("holds more than scheme, host, port and path; set the secret by itself".into());
    }
    Ok(url)
}

pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn directory(text: &str) -> Checked<PathBuf> {
    let path = values::path(text)?;
    if path.is_dir() { Ok(path) } else { Err("is not a directory; make it or correct the path".into()) }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{error, load};

    #[test]
    fn off_unless_an_address_is_named() {
        assert!(load([]).artifact.is_none());
        let config = load([("ARTIFACT_TOKEN", "hunter2")]);
        assert!(config.artifact.is_none());
        assert_eq!(config.warnings, ["environment: ARTIFACT_TOKEN: has no effect without ARTIFACT_URL"]);
    }

    #[test]
    fn an_address_with_its_token() {
        let config = load([
            ("ARTIFACT_URL", "https://artifacts.example.com/base"),
            ("ARTIFACT_TOKEN", "hunter2"),
            ("ARTIFACT_PUBLIC", "open/**,team/quality/husky"),
            ("ARTIFACT_MAX_UPLOAD", "10MiB"),
            ("ARTIFACT_SPOOL_DIR", "/tmp"),
        ]);
        assert!(!format!("{config:?} {:?}", config.summary()).contains("hunter2"));
        let artifact = config.artifact.unwrap();
        assert_eq!(artifact.token.unwrap().expose(), "hunter2");
        assert_eq!((artifact.max_upload, artifact.public.len()), (10 * 1024 * 1024, 2));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn a_service_of_the_directory() {
        let config = load([("ARTIFACT_URL", "svc://artifacts/base")]);
        assert!(config.warnings[0].contains("ARTIFACT_CA_FILE"), "{:?}", config.warnings);
        assert_eq!(config.artifact.unwrap().url.as_str(), "svc://artifacts/base");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, what) in [
            ("artifacts", "is not an http(s) URL"),
            ("ftp://a/b", "is not an http(s) URL"),
            ("https://user:pass@a/", "holds more than"),
            ("https://a/?token=x", "holds more than"),
            ("svc://artifacts:80", "names a port"),
            ("svc://", "names no service"),
        ] {
            assert!(error([("ARTIFACT_URL", url)]).contains(what), "{url}");
        }
        let wrong = [("ARTIFACT_URL", "https://a"), ("ARTIFACT_SPOOL_DIR", "/does/not/exist")];
        assert!(error(wrong).contains("is not a directory"));
        let exposed = load([("ARTIFACT_URL", "http://10.0.0.1:8080"), ("ARTIFACT_TOKEN", "x")]);
        assert!(exposed.warnings[0].contains("plain http carries"), "{:?}", exposed.warnings);
        assert!(
            load([("ARTIFACT_URL", "http://127.0.0.1:8080"), ("ARTIFACT_TOKEN", "x")]).warnings.is_empty()
        );
    }
}
