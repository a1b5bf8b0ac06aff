//! Error reports.

use super::{
    errors::without_credentials,
    reader::Reader,
    values::{self, Checked, fraction},
    variables::{
        SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_JS_DSN, SENTRY_JS_TRACES_SAMPLE_RATE, SENTRY_RELEASE,
        SENTRY_TRACES_SAMPLE_RATE,
    },
};
use crate::core::Secret;
use url::{Host, Url};

#[derive(Debug, Clone)]
pub struct SentryConfig {
    /// Nothing is reported when absent.
    pub dsn: Option<Secret>,
    pub environment: Option<String>,
    pub release: Option<String>,
    /// 0 to 1.
    pub traces_sample_rate: f32,
    pub js: SentryJsConfig,
}

/// What the web pages are told.
#[derive(Clone)]
pub struct SentryJsConfig {
    pub dsn: Option<String>,
    /// 0 to 1.
    pub traces_sample_rate: f32,
}

impl SentryJsConfig {
    /// Where the pages' reports go, as a browser names it: `https://sentry.example` or `http://127.0.0.1:9000`.
    pub fn origin(&self) -> Option<String> {
        let url = Url::parse(self.dsn.as_deref()?).ok()?;
        Some(url.origin().ascii_serialization())
    }
}

impl std::fmt::Debug for SentryJsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentryJsConfig")
            .field("dsn", &self.dsn.as_deref().map(without_credentials))
            .field("traces_sample_rate", &self.traces_sample_rate)
            .finish()
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Option<SentryConfig> {
    let secret_dsn = |text: &str| dsn(text).map(Secret::new);
    let own_dsn = r.optional(&SENTRY_DSN, secret_dsn);
    let environment = r.optional(&SENTRY_ENVIRONMENT, values::text);
    let release = r.optional(&SENTRY_RELEASE, values::text);
    let traces_sample_rate = r.required(&SENTRY_TRACES_SAMPLE_RATE, fraction);
    let js_dsn = r.optional(&SENTRY_JS_DSN, dsn);
    let js_rate = r.required(&SENTRY_JS_TRACES_SAMPLE_RATE, fraction);
    Some(SentryConfig {
        dsn: own_dsn,
        environment,
        release,
        traces_sample_rate: traces_sample_rate?,
        js: SentryJsConfig { dsn: js_dsn, traces_sample_rate: js_rate? },
    })
}

/// `https://<key>@<host>/<project>`
fn dsn(text: &str) -> Checked<String> {
    let fits = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && has_plain_host(&url)
            && !url.username().is_empty()
            && url.path().len() > 1
    });
    if !fits {
        return Err("is not a DSN; copy it from the settings of the Sentry project".into());
    }
    Ok(text.to_owned())
}

/// The host of a DSN stands in the content policy of the pages, where `*` and `;` mean something.
fn has_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
        host => host.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{error, load};

    #[test]
    fn off_unless_a_dsn_is_set() {
        let sentry = load([]).sentry;
        assert!(sentry.dsn.is_none() && sentry.js.dsn.is_none());
        assert_eq!(sentry.traces_sample_rate, 0.0);
    }

    #[test]
    fn keys_of_a_dsn_are_not_printed() {
        let dsn = "https://abcdef@o1.example.com/7";
        let config =
            load([("SENTRY_DSN", dsn), ("SENTRY_JS_DSN", dsn), ("SENTRY_TRACES_SAMPLE_RATE", "0.5")]);
        assert_eq!(config.sentry.dsn.as_ref().unwrap().expose(), dsn);
        assert_eq!(config.sentry.js.dsn.as_deref(), Some(dsn));
        assert_eq!(config.sentry.traces_sample_rate, 0.5);
        assert!(!format!("{config:?} {:?}", config.summary()).contains("abcdef"));
    }

    #[test]
    fn the_origin_of_the_pages_reports() {
        for (dsn, origin) in [
            ("https://abcdef@o1.Example.com/7", "https://o1.example.com"),
            ("https://abcdef:old@o1.example.com:443/sentry/7?x=;y", "https://o1.example.com"),
            ("http://abcdef@127.0.0.1:9000/7", "http://127.0.0.1:9000"),
            ("https://abcdef@bücher.example/7", "https://xn--bcher-kva.example"),
        ] {
            let js = load([("SENTRY_JS_DSN", dsn)]).sentry.js;
            assert_eq!(js.origin().as_deref(), Some(origin), "{dsn}");
        }
        assert_eq!(load([("SENTRY_DSN", "https://abcdef@o1.example.com/7")]).sentry.js.origin(), None);
    }

    #[test]
    fn bad_values() {
        for bad in [
            "abcdef",
            "https://o1.example.com/7",
            "https://abcdef@o1.example.com",
            "ftp://abcdef@host/7",
            "https://abcdef@*.example.com/7",
            "https://abcdef@*/7",
            "https://abcdef@o1.example.com;script-src/7",
            "https://abcdef@o1.example.com,x/7",
            "https://abcdef@'self'/7",
        ] {
            let error = error([("SENTRY_DSN", bad)]);
            assert!(error.starts_with("environment: SENTRY_DSN: the value is not a DSN"), "{error}");
        }
        assert!(error([("SENTRY_TRACES_SAMPLE_RATE", "2")]).contains("is not a number from 0 to 1"));
    }
}
