//! The container registry with its storage.

mod rules;
mod upstream;

use super::{
    reader::{Place, Reader},
    values::{self, Checked, choice, duration, switch},
    variables::{
        REGISTRY_DIR, REGISTRY_GC_GRACE, REGISTRY_GC_INTERVAL, REGISTRY_GC_UNTAGGED, REGISTRY_IMMUTABLE_TAGS,
        REGISTRY_PUBLIC, REGISTRY_QUOTAS, REGISTRY_READ_ONLY, REGISTRY_READ_ONLY_MESSAGE,
        REGISTRY_S3_ACCESS_KEY_ID, REGISTRY_S3_BUCKET, REGISTRY_S3_ENDPOINT, REGISTRY_S3_REGION,
        REGISTRY_S3_SECRET_ACCESS_KEY, REGISTRY_STORAGE, REGISTRY_UPLOAD_LEASE, Variable,
    },
};
use crate::core::Secret;
pub use rules::{ImmutableRule, Quota};
use std::{path::PathBuf, time::Duration};
pub use upstream::{RegistryLogin, RegistryUpstream};
use url::Url;

#[derive(Debug, Clone)]
pub struct RegistryConfig {
    pub place: RegistryPlace,
    /// Patterns of repositories that anybody may pull from.
    pub public: Vec<String>,
    /// What clients are told when nothing may be changed.
    pub read_only_message: String,
    /// Until somebody changes the setting.
    pub is_read_only: bool,
    pub garbage: GarbageConfig,
    /// Which tags never change. Of those that fit, the last counts.
    pub immutable_tags: Vec<ImmutableRule>,
    pub quotas: Vec<Quota>,
}

/// Where images are.
#[derive(Debug, Clone)]
pub enum RegistryPlace {
    /// There is no registry.
    Off,
    Directory(PathBuf),
    S3(RegistryBucket),
    /// In another registry.
    Upstream(RegistryUpstream),
}

#[derive(Debug, Clone)]
pub struct RegistryBucket {
    pub name: String,
    pub region: String,
    pub endpoint: Option<String>,
    /// Id and secret.
    pub keys: Option<(String, Secret)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarbageConfig {
    /// `None` means never.
    pub interval: Option<Duration>,
    pub grace: Duration,
    pub collects_untagged: bool,
    pub upload_lease: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Storage {
    Off,
    Directory,
    S3,
    Proxy,
}

const MINUTE: Duration = Duration::from_secs(60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

pub(super) fn read(r: &mut Reader<'_>) -> Option<RegistryConfig> {
    let place = place(r);
    let is_read_only = r.required(&REGISTRY_READ_ONLY, switch);
    let message = r.required(&REGISTRY_READ_ONLY_MESSAGE, values::text);
    let public = r.list(&REGISTRY_PUBLIC, values::repository_pattern);
    let immutable_tags = r.list(&REGISTRY_IMMUTABLE_TAGS, rules::immutable);
    let quotas = r.list(&REGISTRY_QUOTAS, rules::quota);
    let garbage = garbage(r);
    Some(RegistryConfig {
        place: place?,
        public,
        read_only_message: message?,
        is_read_only: is_read_only?,
        garbage: garbage?,
        immutable_tags,
        quotas,
    })
}

fn place(r: &mut Reader<'_>) -> Option<RegistryPlace> {
    let storage = r.required(
        &REGISTRY_STORAGE,
        choice(&[
            ("off", Storage::Off),
            ("dir", Storage::Directory),
            ("s3", Storage::S3),
            ("proxy", Storage::Proxy),
        ]),
    );
    match storage? {
        Storage::Off => Some(RegistryPlace::Off),
        Storage::Directory => r.required(&REGISTRY_DIR, values::path).map(RegistryPlace::Directory),
        Storage::S3 => bucket(r).map(RegistryPlace::S3),
        Storage::Proxy => upstream::read(r).map(RegistryPlace::Upstream),
    }
}

fn bucket(r: &mut Reader<'_>) -> Option<RegistryBucket> {
    let name = r.optional(&REGISTRY_S3_BUCKET, values::text);
    let region = r.required(&REGISTRY_S3_REGION, values::text);
    let endpoint = r.optional(&REGISTRY_S3_ENDPOINT, http_url);
    let keys = pair(r, &REGISTRY_S3_ACCESS_KEY_ID, &REGISTRY_S3_SECRET_ACCESS_KEY)?;
    if name.is_none() && !r.is_set(&Place::from(&REGISTRY_S3_BUCKET)) {
        r.complain_about(
            &REGISTRY_S3_BUCKET,
            "is not set, but REGISTRY_STORAGE is s3; name the bucket".into(),
        );
    }
    let endpoint = endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned());
    Some(RegistryBucket { name: name?, region: region?, endpoint, keys })
}

/// Both or neither.
#[expect(clippy::option_option, reason = "the outer one says that an error was recorded")]
fn pair(r: &mut Reader<'_>, name: &Variable, secret: &Variable) -> Option<Option<(String, Secret)>> {
    match (r.optional(name, values::text), r.optional(secret, values::secret)) {
        (Some(name), Some(secret)) => Some(Some((name, secret))),
        (None, None) => Some(None),
        (Some(_), None) => {
            r.complain_about(secret, format!("is missing; {} is set without it", name.name));
            None
        }
        (None, Some(_)) => {
            r.complain_about(name, format!("is missing; {} is set without it", secret.name));
            None
        }
    }
}

fn http_url(text: &str) -> Checked<Url> {
    let mend = || "is not an http(s) URL; write for example https://registry.example.com".to_owned();
    let url = Url::parse(text).map_err(|_| mend())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(mend());
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("holds more than scheme, host, port and path; set user and password by themselves".into());
    }
    Ok(url)
}

fn garbage(r: &mut Reader<'_>) -> Option<GarbageConfig> {
    let interval = r.required(&REGISTRY_GC_INTERVAL, duration(Duration::ZERO..=MONTH));
    let grace = r.required(&REGISTRY_GC_GRACE, duration(10 * MINUTE..=MONTH));
    let collects_untagged = r.required(&REGISTRY_GC_UNTAGGED, switch);
    let upload_lease = r.required(&REGISTRY_UPLOAD_LEASE, duration(10 * MINUTE..=MONTH));
    Some(GarbageConfig {
        interval: interval.map(|interval| (!interval.is_zero()).then_some(interval))?,
        grace: grace?,
        collects_untagged: collects_untagged?,
        upload_lease: upload_lease?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load};

    #[test]
    fn none_or_a_directory() {
        assert!(matches!(load([]).registry.place, RegistryPlace::Off));
        let registry = load([("REGISTRY_STORAGE", "dir")]).registry;
        assert!(matches!(registry.place, RegistryPlace::Directory(path) if path == *"./data/registry"));
        assert!(!registry.is_read_only);
        let day = Duration::from_secs(86_400);
        let expected =
            GarbageConfig { interval: Some(day), grace: day, collects_untagged: false, upload_lease: day };
        assert_eq!(registry.garbage, expected);
        assert_eq!(load([("REGISTRY_GC_INTERVAL", "0")]).registry.garbage.interval, None);
        assert!(error([("REGISTRY_GC_GRACE", "1m")]).contains("from 10m to"));
    }

    #[test]
    fn a_bucket() {
        let config = load([
            ("REGISTRY_STORAGE", "s3"),
            ("REGISTRY_S3_BUCKET", "images"),
            ("REGISTRY_S3_ENDPOINT", "http://127.0.0.1:9000/"),
            ("REGISTRY_S3_ACCESS_KEY_ID", "id"),
            ("REGISTRY_S3_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        assert!(!format!("{config:?} {:?}", config.summary()).contains("hunter2"));
        let RegistryPlace::S3(bucket) = config.registry.place else { panic!("not a bucket") };
        assert_eq!((bucket.name.as_str(), bucket.region.as_str()), ("images", "us-east-1"));
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(bucket.keys.unwrap().1.expose(), "hunter2");
        assert!(error([("REGISTRY_STORAGE", "s3")]).contains("REGISTRY_S3_BUCKET: is not set"));
        let half =
            [("REGISTRY_STORAGE", "s3"), ("REGISTRY_S3_BUCKET", "b"), ("REGISTRY_S3_ACCESS_KEY_ID", "id")];
        assert!(error(half).contains("REGISTRY_S3_SECRET_ACCESS_KEY: is missing"));
        assert!(error([("REGISTRY_STORAGE", "tape")]).contains("write one of off, dir, s3, proxy"));
    }

    #[test]
    fn who_may_pull_without_a_name() {
        let config = load([("REGISTRY_STORAGE", "dir"), ("REGISTRY_PUBLIC", "base/**,tools/lint")]);
        assert_eq!(config.registry.public, ["base/**", "tools/lint"]);
        assert!(error([("REGISTRY_PUBLIC", "base/")]).starts_with("environment: REGISTRY_PUBLIC: "));
    }

    #[test]
    fn read_only_has_words() {
        let registry =
            load([("REGISTRY_READ_ONLY", "true"), ("REGISTRY_READ_ONLY_MESSAGE", "moving")]).registry;
        assert_eq!((registry.is_read_only, registry.read_only_message.as_str()), (true, "moving"));
        assert!(!load([]).registry.read_only_message.is_empty());
    }
}
