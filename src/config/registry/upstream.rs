//! The registry behind, when images are kept elsewhere.

use super::{MINUTE, http_url, pair};
use crate::{
    config::{
        reader::{Place, Reader},
        values::{self, Checked, choice, duration},
        variables::{
            REGISTRY_UPSTREAM_CA_FILE, REGISTRY_UPSTREAM_JWT_AUDIENCE, REGISTRY_UPSTREAM_JWT_ISSUER,
            REGISTRY_UPSTREAM_JWT_KEY, REGISTRY_UPSTREAM_METRICS_URL, REGISTRY_UPSTREAM_PASSWORD,
            REGISTRY_UPSTREAM_REDIRECTS, REGISTRY_UPSTREAM_TIMEOUT, REGISTRY_UPSTREAM_URL,
            REGISTRY_UPSTREAM_USERNAME,
        },
    },
    core::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey as _};
use std::{fmt, path::PathBuf, time::Duration};
use url::Url;
use zeroize::Zeroizing;

#[derive(Debug, Clone)]
pub struct RegistryUpstream {
    /// `http`, `https`, or `svc` for a service of the directory; without a credential.
    pub url: Url,
    pub login: RegistryLogin,
    /// Authorities in PEM; those of the system without it.
    pub authorities: Option<PathBuf>,
    pub follows_redirects: bool,
    /// How long it may be silent.
    pub timeout: Duration,
    pub metrics_url: Option<Url>,
}

#[derive(Clone)]
pub enum RegistryLogin {
    None,
    Password(String, Secret),
    Key { seed: Zeroizing<[u8; 32]>, issuer: String, audience: String },
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password(..) => "Password([REDACTED])",
            Self::Key { .. } => "Key([REDACTED])",
        })
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Option<RegistryUpstream> {
    let url = r.optional(&REGISTRY_UPSTREAM_URL, place);
    if url.is_none() && !r.is_set(&Place::from(&REGISTRY_UPSTREAM_URL)) {
        let mend = "is not set, but REGISTRY_STORAGE is proxy; write the URL of the registry behind";
        r.complain_about(&REGISTRY_UPSTREAM_URL, mend.into());
    }
    let login = login(r);
    let authorities = r.optional(&REGISTRY_UPSTREAM_CA_FILE, values::existing_file);
    if url.as_ref().is_some_and(values::is_of_service) && authorities.is_none() {
        let doubt = "trusts whoever holds the slug in the directory with images and with the gateway's credential; name \
                     the authority of its certificate with REGISTRY_UPSTREAM_CA_FILE";
        r.warn_about(&Place::from(&REGISTRY_UPSTREAM_URL), doubt);
    }
    let follows = r.required(&REGISTRY_UPSTREAM_REDIRECTS, choice(&[("follow", true), ("pass", false)]));
    let timeout = r.required(&REGISTRY_UPSTREAM_TIMEOUT, duration(Duration::from_secs(1)..=60 * MINUTE));
    let metrics_url = r.optional(&REGISTRY_UPSTREAM_METRICS_URL, http_url);
    Some(RegistryUpstream {
        url: url?,
        login: login?,
        authorities,
        follows_redirects: follows?,
        timeout: timeout?,
        metrics_url,
    })
}

/// Where it stands: at an address, or wherever the directory says.
fn place(text: &str) -> Checked<Url> {
    values::service_url(text).unwrap_or_else(|| http_url(text))
}

fn login(r: &mut Reader<'_>) -> Option<RegistryLogin> {
    let password = pair(r, &REGISTRY_UPSTREAM_USERNAME, &REGISTRY_UPSTREAM_PASSWORD);
    let key = r.optional(&REGISTRY_UPSTREAM_JWT_KEY, signing_seed);
    let issuer = r.required(&REGISTRY_UPSTREAM_JWT_ISSUER, values::text);
    let audience = r.required(&REGISTRY_UPSTREAM_JWT_AUDIENCE, values::text);
    match (password?, r.is_set(&Place::from(&REGISTRY_UPSTREAM_JWT_KEY))) {
        (None, false) => Some(RegistryLogin::None),
        (Some((user, _)), false) if user.contains(':') => {
            r.complain_about(
                &REGISTRY_UPSTREAM_USERNAME,
                "holds a colon, which no user name for Basic may".into(),
            );
            None
        }
        (Some((user, password)), false) => Some(RegistryLogin::Password(user, password)),
        (None, true) => Some(RegistryLogin::Key { seed: key?, issuer: issuer?, audience: audience? }),
        (Some(_), true) => {
            let problem = "is set together with REGISTRY_UPSTREAM_PASSWORD; keep one of the two";
            r.complain_about(&REGISTRY_UPSTREAM_JWT_KEY, problem.into());
            None
        }
    }
}

/// PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it, or the Base64 of it alone.
fn signing_seed(text: &str) -> Checked<Zeroizing<[u8; 32]>> {
    let mend = "is not an Ed25519 key in PKCS#8; make one with: openssl genpkey -algorithm ed25519";
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    let der = Zeroizing::new(STANDARD.decode(Zeroizing::new(base64).as_bytes()).map_err(|_| mend)?);
    let key = SigningKey::from_pkcs8_der(&der).map_err(|_| mend)?;
    Ok(Zeroizing::new(key.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        RegistryPlace,
        testing::{error, errors},
    };

    /// The key of RFC 8410, section 10.3.
    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";

    fn upstream<const N: usize>(more: [(&str, &str); N]) -> RegistryUpstream {
        let env =
            [("REGISTRY_STORAGE", "proxy"), ("REGISTRY_UPSTREAM_URL", "https://registry.internal:5000/p")];
        let env = env
            .into_iter()
            .chain(more)
            .fold(crate::config::MapEnv::from([("LOG_LEVEL", "info")]), |env, (name, value)| {
                env.with(name, value)
            });
        let config = crate::config::Config::load(&env, None).unwrap();
        assert!(!format!("{config:?} {:?}", config.summary()).contains("hunter2"));
        let RegistryPlace::Upstream(upstream) = config.registry.place else { panic!("no proxy") };
        upstream
    }

    #[test]
    fn an_address_and_no_more() {
        let upstream = upstream([]);
        assert_eq!(upstream.url.as_str(), "https://registry.internal:5000/p");
        assert!(matches!(upstream.login, RegistryLogin::None));
        assert!(upstream.follows_redirects && upstream.metrics_url.is_none());
        assert_eq!(upstream.timeout, Duration::from_secs(300));
        assert!(error([("REGISTRY_STORAGE", "proxy")]).contains("REGISTRY_UPSTREAM_URL: is not set"));
        let with_secret = [
            ("REGISTRY_STORAGE", "proxy"),
            ("REGISTRY_UPSTREAM_URL", "https://me:hunter2@registry.internal"),
        ];
        assert!(!error(with_secret).contains("hunter2"));
    }

    #[test]
    fn a_service_of_the_directory() {
        let proxy = ("REGISTRY_STORAGE", "proxy");
        let config = crate::config::testing::load([proxy, ("REGISTRY_UPSTREAM_URL", "svc://images/p/")]);
        assert!(config.warnings[0].contains("whoever holds the slug"), "{:?}", config.warnings);
        let RegistryPlace::Upstream(upstream) = config.registry.place else { panic!("no proxy") };
        assert_eq!(upstream.url.as_str(), "svc://images/p");
        for (url, expected) in [
            ("svc://images:5000", "names a port"),
            ("svc://registry", "a name of the gateway itself"),
            ("svc://me:hunter2@images", "holds more than a slug"),
        ] {
            let error = error([proxy, ("REGISTRY_UPSTREAM_URL", url)]);
            assert!(error.contains("REGISTRY_UPSTREAM_URL: ") && error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"));
        }
        let metrics = ("REGISTRY_UPSTREAM_METRICS_URL", "svc://images");
        let error = error([proxy, ("REGISTRY_UPSTREAM_URL", "svc://images"), metrics]);
        assert!(error.contains("is not an http(s) URL"), "{error}");
    }

    #[test]
    fn a_password_or_a_key() {
        let upstream_with_password =
            upstream([("REGISTRY_UPSTREAM_USERNAME", "me"), ("REGISTRY_UPSTREAM_PASSWORD", "hunter2")]);
        assert!(matches!(upstream_with_password.login, RegistryLogin::Password(user, _) if user == "me"));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
        for key in [KEY, &pem] {
            let upstream =
                upstream([("REGISTRY_UPSTREAM_JWT_KEY", key), ("REGISTRY_UPSTREAM_REDIRECTS", "pass")]);
            let RegistryLogin::Key { seed, issuer, .. } = upstream.login else { panic!("no key") };
            assert_eq!((seed[..2].to_vec(), issuer.as_str()), (vec![0xd4, 0xee], "rack-gateway"));
            assert!(!upstream.follows_redirects);
        }
        let url = ("REGISTRY_UPSTREAM_URL", "http://r");
        let proxy = ("REGISTRY_STORAGE", "proxy");
        let wrong = error([proxy, url, ("REGISTRY_UPSTREAM_JWT_KEY", "aHVudGVyMg==")]);
        assert!(wrong.contains("openssl genpkey") && !wrong.contains("aHVudGVyMg"), "{wrong}");
        let both = errors([
            proxy,
            url,
            ("REGISTRY_UPSTREAM_USERNAME", "me"),
            ("REGISTRY_UPSTREAM_PASSWORD", "x"),
            ("REGISTRY_UPSTREAM_JWT_KEY", KEY),
        ]);
        assert!(both.concat().contains("keep one of the two"), "{both:?}");
        let half = error([proxy, url, ("REGISTRY_UPSTREAM_USERNAME", "me")]);
        assert!(half.contains("REGISTRY_UPSTREAM_PASSWORD: is missing"), "{half}");
    }
}
