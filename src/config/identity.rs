//! How people are let in: the public address, the key of secrets at rest, how long a session lasts.

use super::{
    reader::{Place, Reader},
    server::ServerConfig,
    values::{self, Checked, duration, switch},
    variables::{
        ALLOWED_HOSTS, APP_SECRET_KEY, APP_SECRET_KEY_PREVIOUS, CLI_SESSION_IDLE, CLI_SESSION_MAX,
        COOKIE_SECURE, MFA_STEP_UP_WINDOW, PUBLIC_URL, Variable, WEB_SESSION_IDLE, WEB_SESSION_MAX,
        WEBAUTHN_ORIGIN, WEBAUTHN_RP_ID,
    },
};
use crate::core::{PublicUrl, Secret};
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// `PUBLIC_URL`, else `https://DOMAIN`, else localhost.
    pub public_url: PublicUrl,
    /// Host names under which the gateway may be called, lower case, besides localhost. Empty when no name was
    /// configured: then none is wrong.
    pub hosts: Vec<String>,
    /// Cookies travel over https only, and carry the prefix `__Host-`.
    pub cookie_secure: bool,
    /// Seals secrets at rest.
    pub app_secret_key: Option<Secret>,
    /// Opens what was sealed before the key was changed.
    pub app_secret_key_previous: Option<Secret>,
    pub web_session: SessionConfig,
    pub cli_session: SessionConfig,
    /// How long a proof of a second factor is fresh.
    pub step_up_window: Duration,
    /// The domain of passkeys, when it is not the host of their origin.
    pub webauthn_rp_id: Option<String>,
    /// Where passkeys are used, when it is not the public address.
    pub webauthn_origin: Option<PublicUrl>,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// Without use.
    pub idle: Duration,
    /// From the login on, however much it is used.
    pub max: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);
const LONGEST_STEP_UP: Duration = Duration::from_secs(24 * 3_600);
const SHORTEST_KEY: usize = 16;
const GOOD_KEY: usize = 32;

pub(super) fn read(r: &mut Reader<'_>, server: Option<&ServerConfig>) -> Option<IdentityConfig> {
    let given = r.optional(&PUBLIC_URL, public_url);
    let allowed_hosts = r.list(&ALLOWED_HOSTS, values::domain);
    let cookie_secure = r.optional(&COOKIE_SECURE, switch);
    let app_secret_key = key(r, &APP_SECRET_KEY);
    let app_secret_key_previous = key(r, &APP_SECRET_KEY_PREVIOUS);
    let web_session = session(r, &WEB_SESSION_IDLE, &WEB_SESSION_MAX);
    let cli_session = session(r, &CLI_SESSION_IDLE, &CLI_SESSION_MAX);
    let step_up_window = r.required(&MFA_STEP_UP_WINDOW, duration(MINUTE..=LONGEST_STEP_UP));
    let webauthn_rp_id = r.optional(&WEBAUTHN_RP_ID, values::domain);
    let webauthn_origin = r.optional(&WEBAUTHN_ORIGIN, public_url);

    let domain = server.and_then(|server| server.domain.clone());
    let hosts = given.iter().map(|url| url.host().to_owned()).chain(domain).chain(allowed_hosts).collect();
    let public_url = given.or_else(|| server.map(default_url))?;
    if cookie_secure == Some(false) && public_url.is_https() {
        let doubt = "sends the cookies of an https gateway over plain http too";
        r.warn_about(&Place::from(&COOKIE_SECURE), doubt);
    }
    let cookie_secure = cookie_secure.unwrap_or(public_url.is_https());
    Some(IdentityConfig {
        public_url,
        hosts,
        cookie_secure,
        app_secret_key,
        app_secret_key_previous,
        web_session: web_session?,
        cli_session: cli_session?,
        step_up_window: step_up_window?,
        webauthn_rp_id,
        webauthn_origin,
    })
}

fn public_url(text: &str) -> Checked<PublicUrl> {
    let mend = "is not the address of a website; write for example https://gateway.example.com";
    PublicUrl::parse(text).ok_or_else(|| mend.to_owned())
}

fn default_url(server: &ServerConfig) -> PublicUrl {
    match &server.domain {
        Some(domain) => PublicUrl::of_domain(domain),
        None => PublicUrl::localhost(server.listen.port(), server.tls.is_some()),
    }
}

fn key(r: &mut Reader<'_>, row: &Variable) -> Option<Secret> {
    let key = r.optional(row, |text| {
        if text.len() < SHORTEST_KEY {
            return Err(format!(
                "is too short; write at least {SHORTEST_KEY} characters, better the output of `openssl rand -base64 32`"
            ));
        }
        values::secret(text)
    })?;
    if key.expose().len() < GOOD_KEY {
        r.warn_about(&Place::from(row), "is short; take the output of `openssl rand -base64 32`");
    }
    Some(key)
}

fn session(r: &mut Reader<'_>, idle: &Variable, max: &Variable) -> Option<SessionConfig> {
    let limits = (r.required(idle, duration(MINUTE..=YEAR)), r.required(max, duration(MINUTE..=YEAR)));
    let (Some(idle_limit), Some(max_limit)) = limits else { return None };
    if idle_limit > max_limit {
        r.warn_about(
            &Place::from(idle),
            &format!("is longer than {}, which ends the session first", max.name),
        );
    }
    Some(SessionConfig { idle: idle_limit, max: max_limit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load, load_toml};

    fn url<const N: usize>(env: [(&str, &str); N]) -> String {
        load(env).identity.public_url.to_string()
    }

    #[test]
    fn the_public_address_is_said_or_follows() {
        assert_eq!(url([]), "http://localhost:8443");
        assert_eq!(url([("PORT", "8080")]), "http://localhost:8080");
        assert_eq!(url([("DOMAIN", "Gateway.example.com")]), "https://gateway.example.com");
        let both = [("DOMAIN", "a.example"), ("PUBLIC_URL", "https://b.example:8443/")];
        assert_eq!(url(both), "https://b.example:8443");
        let file = "[identity]\npublic_url = 'http://127.0.0.1:9'\nallowed_hosts = ['Gateway.internal']";
        let identity = load_toml([], file).identity;
        assert_eq!(identity.public_url.to_string(), "http://127.0.0.1:9");
        assert_eq!(identity.hosts, ["127.0.0.1", "gateway.internal"]);
        assert_eq!(load(both).identity.hosts, ["b.example", "a.example"]);
        assert!(load([]).identity.hosts.is_empty());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["gateway.example.com", "ftp://a", "https://", "https://a/b", "https://u:p@a", "https://a?b"]
        {
            let error = error([("PUBLIC_URL", text)]);
            assert!(error.ends_with("write for example https://gateway.example.com"), "{error}");
        }
    }

    #[test]
    fn passkeys_may_belong_to_a_domain_above() {
        assert!(load([]).identity.webauthn_rp_id.is_none());
        let both = load([("WEBAUTHN_RP_ID", "Example.com"), ("WEBAUTHN_ORIGIN", "https://rgw.example.com")]);
        assert_eq!(both.identity.webauthn_rp_id.as_deref(), Some("example.com"));
        assert_eq!(both.identity.webauthn_origin.unwrap().origin(), "https://rgw.example.com");
        assert!(error([("WEBAUTHN_ORIGIN", "rgw.example.com")]).contains("WEBAUTHN_ORIGIN"));
        assert!(error([("WEBAUTHN_RP_ID", "https://example.com")]).contains("WEBAUTHN_RP_ID"));
    }

    #[test]
    fn cookies_follow_the_scheme_unless_told() {
        assert!(!load([]).identity.cookie_secure);
        assert!(load([("DOMAIN", "a.example")]).identity.cookie_secure);
        let doubtful = load([("DOMAIN", "a.example"), ("COOKIE_SECURE", "false")]);
        assert!(!doubtful.identity.cookie_secure);
        assert!(doubtful.warnings[0].starts_with("environment: COOKIE_SECURE: "), "{:?}", doubtful.warnings);
        assert!(error([("COOKIE_SECURE", "perhaps")]).contains("neither true nor false"));
    }

    #[test]
    fn keys_have_a_length_and_are_never_shown() {
        let short = error([("APP_SECRET_KEY", "hunter2")]);
        assert!(short.starts_with("environment: APP_SECRET_KEY: the value is too short"), "{short}");
        assert!(!short.contains("hunter2"));
        let weak = load([("APP_SECRET_KEY", "hunter2-hunter2-hunter2")]);
        assert!(weak.warnings[0].contains("APP_SECRET_KEY: is short"), "{:?}", weak.warnings);
        let good = "0123456789abcdef0123456789abcdef";
        let config = load([("APP_SECRET_KEY", good), ("APP_SECRET_KEY_PREVIOUS", good)]);
        assert!(config.warnings.is_empty());
        assert_eq!(config.identity.app_secret_key.as_ref().unwrap().expose(), good);
        assert!(!format!("{config:?}").contains(good));
    }

    #[test]
    fn limits_of_sessions() {
        let identity = load([]).identity;
        assert_eq!(identity.web_session, SessionConfig { idle: 60 * MINUTE, max: 12 * 60 * MINUTE });
        let day = 24 * 60 * MINUTE;
        assert_eq!(identity.cli_session, SessionConfig { idle: 30 * day, max: 90 * day });
        assert_eq!(identity.step_up_window, 10 * MINUTE);
        assert!(error([("WEB_SESSION_IDLE", "10s")]).contains("from 1m"));
        assert!(error([("MFA_STEP_UP_WINDOW", "0")]).contains("MFA_STEP_UP_WINDOW"));
        let odd = load([("WEB_SESSION_IDLE", "13h")]);
        assert!(odd.warnings[0].contains("is longer than WEB_SESSION_MAX"), "{:?}", odd.warnings);
    }
}
