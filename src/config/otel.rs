//! Traces for OpenTelemetry, by the names that its specification gives to the settings.

use super::{
    artifact::{is_local, web_address},
    reader::{Place, Reader},
    values::{self, Checked, choice, fraction},
    variables::{
        OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME,
        OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    },
};
use crate::core::Secret;
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

#[derive(Debug, Clone)]
pub struct OtelConfig {
    /// Where spans are posted: the endpoint with `/v1/traces` behind it.
    pub traces_url: Url,
    /// Each value fits into a header.
    pub headers: Vec<(HeaderName, Secret)>,
    pub service_name: String,
    /// Of the process, in the order of the list; a later one of the same name counts.
    pub attributes: Vec<(String, String)>,
    pub sampler: TraceSampler,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceSampler {
    pub rule: SampleRule,
    /// Whether a caller's own decision is stronger than the rule.
    pub heeds_parent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SampleRule {
    All,
    None,
    /// 0 to 1.
    Share(f32),
}

#[derive(Clone, Copy)]
enum Kind {
    All,
    None,
    Share,
}

/// Each with whether it heeds the parent.
const SAMPLERS: [(&str, (Kind, bool)); 6] = [
    ("always_on", (Kind::All, false)),
    ("always_off", (Kind::None, false)),
    ("traceidratio", (Kind::Share, false)),
    ("parentbased_always_on", (Kind::All, true)),
    ("parentbased_always_off", (Kind::None, true)),
    ("parentbased_traceidratio", (Kind::Share, true)),
];

const SERVICE_NAME: &str = "service.name";
const DEFAULT_NAME: &str = "rack-gateway";
/// Where collectors take the other protocol.
const GRPC_PORT: u16 = 4317;
const PATH: &str = "/v1/traces";

/// The other settings are looked at only when an endpoint is set: platforms set them for every program.
pub(super) fn read(r: &mut Reader<'_>) -> Option<OtelConfig> {
    let place = Place::from(&OTEL_EXPORTER_OTLP_ENDPOINT);
    if !r.is_set(&place) {
        return None;
    }
    if !cfg!(feature = "otel") {
        r.warn_about(
            &place,
            "has no effect: this program was built without traces; build it with --features otel",
        );
    }
    let endpoint = r.optional(&OTEL_EXPORTER_OTLP_ENDPOINT, collector);
    let headers = r.optional(&OTEL_EXPORTER_OTLP_HEADERS, headers);
    let name = r.optional(&OTEL_SERVICE_NAME, values::text);
    let attributes = r.optional(&OTEL_RESOURCE_ATTRIBUTES, pairs).unwrap_or_default();
    let sampler = r.required(&OTEL_TRACES_SAMPLER, choice(&SAMPLERS));
    let share = r.required(&OTEL_TRACES_SAMPLER_ARG, fraction);
    let endpoint = endpoint?;
    warn_of(r, &endpoint, headers.is_some());
    let named = || attributes.iter().rfind(|(name, _)| name == SERVICE_NAME).map(|(_, value)| value.clone());
    Some(OtelConfig {
        traces_url: traces_url(&endpoint),
        headers: headers.unwrap_or_default(),
        service_name: name.or_else(named).unwrap_or_else(|| DEFAULT_NAME.to_owned()),
        sampler: sampler_of(sampler?, share?),
        attributes,
    })
}

fn sampler_of((kind, heeds_parent): (Kind, bool), share: f32) -> TraceSampler {
    let rule = match kind {
        Kind::All => SampleRule::All,
        Kind::None => SampleRule::None,
        Kind::Share => SampleRule::Share(share),
    };
    TraceSampler { rule, heeds_parent }
}

fn warn_of(r: &mut Reader<'_>, endpoint: &Url, has_headers: bool) {
    let place = Place::from(&OTEL_EXPORTER_OTLP_ENDPOINT);
    if endpoint.port() == Some(GRPC_PORT) {
        let doubt =
            "4317 is where collectors take OTLP over gRPC; this is OTLP over HTTP, mostly on port 4318";
        r.warn_about(&place, doubt);
    }
    if endpoint.path().trim_end_matches('/').ends_with(PATH) {
        r.warn_about(&place, "ends with /v1/traces, which is added once more; leave it out");
    }
    if has_headers && endpoint.scheme() == "http" && !is_local(endpoint) {
        r.warn_about(&place, "plain http carries the headers readable over the network; write an https URL");
    }
}

/// `collector:4318` alone reads as a URL whose scheme is `collector`.
fn collector(text: &str) -> Checked<Url> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => web_address(text),
        _ => Err("is not an http(s) URL; write for example http://collector:4318".to_owned()),
    }
}

fn traces_url(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    url.set_path(&format!("{}{PATH}", endpoint.path().trim_end_matches('/')));
    url
}

/// `name=value,name=value`, values percent-encoded where they must be.
fn pairs(text: &str) -> Checked<Vec<(String, String)>> {
    let mend = "is not a list of names and values; write for example team=platform,deployment.environment.name=staging";
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty() && !value.contains(char::is_control)).then(|| (name.to_owned(), value.into_owned()))
    };
    items.map(|item| pair(item).ok_or_else(|| mend.to_owned())).collect()
}

/// The error does not repeat the values.
fn headers(text: &str) -> Checked<Vec<(HeaderName, Secret)>> {
    let mend = || "is not a list of headers; write for example api-key=SECRET,x-team=platform".to_owned();
    let header = |(name, value): (String, String)| {
        let name: HeaderName = name.parse().map_err(|_| mend())?;
        HeaderValue::from_str(&value).map_err(|_| mend())?;
        Ok((name, Secret::new(value)))
    };
    pairs(text).map_err(|_| mend())?.into_iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, errors, load, load_toml};

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    fn of<const N: usize>(env: [(&str, &str); N]) -> OtelConfig {
        load(env).otel.unwrap()
    }

    #[test]
    fn off_and_unread_without_an_endpoint() {
        let config = load([("OTEL_TRACES_SAMPLER", "xray"), ("OTEL_EXPORTER_OTLP_HEADERS", "?")]);
        assert!(config.otel.is_none() && config.warnings.is_empty());
    }

    #[test]
    fn defaults() {
        let otel = of([ENDPOINT]);
        assert_eq!(otel.traces_url.as_str(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(otel.service_name, "rack-gateway");
        assert_eq!(otel.sampler, TraceSampler { rule: SampleRule::All, heeds_parent: true });
        assert!(otel.headers.is_empty() && otel.attributes.is_empty());
    }

    #[test]
    fn a_build_without_traces_says_so_once() {
        let warnings = load([ENDPOINT]).warnings;
        let expected = "environment: OTEL_EXPORTER_OTLP_ENDPOINT: has no effect: this program was built without \
                        traces; build it with --features otel";
        let expected: &[&str] = if cfg!(feature = "otel") { &[] } else { &[expected] };
        assert_eq!(warnings, expected);
    }

    #[test]
    fn every_sampler_of_the_specification() {
        for (name, rule, heeds_parent) in [
            ("always_on", SampleRule::All, false),
            ("always_off", SampleRule::None, false),
            ("traceidratio", SampleRule::Share(0.25), false),
            ("parentbased_always_on", SampleRule::All, true),
            ("parentbased_always_off", SampleRule::None, true),
            ("parentbased_traceidratio", SampleRule::Share(0.25), true),
        ] {
            let otel = of([ENDPOINT, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.25")]);
            assert_eq!(otel.sampler, TraceSampler { rule, heeds_parent }, "{name}");
        }
        assert!(error([ENDPOINT, ("OTEL_TRACES_SAMPLER", "xray")]).contains("write one of always_on, "));
        assert!(error([ENDPOINT, ("OTEL_TRACES_SAMPLER_ARG", "2")]).contains("not a number from 0 to 1"));
    }

    #[test]
    fn names_and_attributes() {
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=edge, team=a%2Cb,empty=");
        let otel = of([ENDPOINT, attributes]);
        assert_eq!(otel.service_name, "edge");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("service.name", "edge"), pair("team", "a,b"), pair("empty", "")];
        assert_eq!(otel.attributes, expected);
        assert_eq!(of([ENDPOINT, attributes, ("OTEL_SERVICE_NAME", "front")]).service_name, "front");
        for bad in ["team", "=x", "a=%ff", "a=%0a"] {
            let error = error([ENDPOINT, ("OTEL_RESOURCE_ATTRIBUTES", bad)]);
            assert!(error.contains("is not a list of names and values"), "{error}");
        }
    }

    #[test]
    fn headers_are_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headers");
        std::fs::write(&path, "api-key=hunter2,x-scope=a%20b\n").unwrap();
        let config = load([ENDPOINT, ("OTEL_EXPORTER_OTLP_HEADERS_FILE", path.to_str().unwrap())]);
        let headers = &config.otel.as_ref().unwrap().headers;
        let shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(shown, [("api-key", "hunter2"), ("x-scope", "a b")]);
        assert!(!format!("{config:?} {:?}", config.summary()).contains("hunter2"));
        for bad in ["hunter2", "a b=hunter2", "a=hunter2%0a", "a=hunter2\u{e9}\u{7f}"] {
            let error = error([ENDPOINT, ("OTEL_EXPORTER_OTLP_HEADERS", bad)]);
            assert!(error.contains("is not a list of headers") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn endpoints_that_are_wrong_and_doubtful() {
        for bad in ["collector:4318", "ftp://c", "http://user:hunter2@c:4318", "http://c?x=1"] {
            let errors = errors([("OTEL_EXPORTER_OTLP_ENDPOINT", bad)]);
            assert!(errors[0].starts_with("environment: OTEL_EXPORTER_OTLP_ENDPOINT: "), "{errors:?}");
            assert!(!errors[0].contains("hunter2"));
        }
        let bare = error([("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]);
        assert!(bare.ends_with("write for example http://collector:4318"), "{bare}");
        let doubts = |endpoint: &str| {
            let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b")];
            let mut warnings = load(env).warnings;
            warnings.retain(|warning| !warning.contains("--features otel"));
            warnings
        };
        assert!(doubts("https://c:4318").is_empty() && doubts("http://localhost:4318").is_empty());
        assert!(doubts("http://c:4318")[0].contains("plain http"));
        assert!(doubts("https://c:4317")[0].contains("gRPC"));
        assert!(doubts("https://c/v1/traces/")[0].contains("once more"));
    }

    #[test]
    fn a_path_in_the_endpoint_stays_and_the_file_can_hold_it_all() {
        let file = "[otel]\nendpoint = 'https://c/otlp/'\nsampler = 'always_off'\nservice_name = 'x'";
        let otel = load_toml([], file).otel.unwrap();
        assert_eq!(otel.traces_url.as_str(), "https://c/otlp/v1/traces");
        assert_eq!((otel.sampler.rule, otel.service_name.as_str()), (SampleRule::None, "x"));
    }
}
