//! Calls of services under `/svc/`: how long they may take, and when an instance is left out.

use super::{
    racks::parse_pin,
    reader::Reader,
    values::{Checked, duration, existing_file, number},
    variables::{
        SERVICE_CA_FILE, SERVICE_CONNECT_TIMEOUT, SERVICE_EJECT_AFTER, SERVICE_EJECT_TIME,
        SERVICE_IDLE_TIMEOUT, SERVICE_RESPONSE_TIMEOUT, SERVICE_TIMEOUTS, SERVICE_TRUST,
    },
};
use crate::core::slug;
use std::{collections::BTreeMap, ops::RangeInclusive, path::PathBuf, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicesConfig {
    pub timeouts: Timeouts,
    /// Of services that have their own, by slug.
    pub own_timeouts: BTreeMap<String, Timeouts>,
    pub ca_file: Option<PathBuf>,
    /// Of services that prove themselves in a way of their own, by slug.
    pub trust: BTreeMap<String, ServiceTrust>,
    pub eject_after: u32,
    pub eject_time: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceTrust {
    CaFile(PathBuf),
    PinSha256([u8; 32]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// Until the head of an answer.
    pub response: Duration,
    /// Silence in the middle of an answer.
    pub idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connect,
    Response,
    Idle,
}

/// One entry of the list.
#[derive(Debug, PartialEq, Eq)]
struct Own {
    slug: String,
    kind: Kind,
    time: Duration,
}

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(7 * 24 * 3_600);

pub(super) fn read(r: &mut Reader<'_>) -> Option<ServicesConfig> {
    let connect = r.required(&SERVICE_CONNECT_TIMEOUT, duration(TIMEOUT));
    let response = r.required(&SERVICE_RESPONSE_TIMEOUT, duration(TIMEOUT));
    let idle = r.required(&SERVICE_IDLE_TIMEOUT, duration(TIMEOUT));
    let own = r.list(&SERVICE_TIMEOUTS, own);
    let ca_file = r.optional(&SERVICE_CA_FILE, existing_file);
    let trust = trusted(r);
    let eject_after = r.required(&SERVICE_EJECT_AFTER, number(1..=1_000));
    let eject_time = r.required(&SERVICE_EJECT_TIME, duration(TIMEOUT));
    let timeouts = Timeouts { connect: connect?, response: response?, idle: idle? };
    Some(ServicesConfig {
        timeouts,
        own_timeouts: by_slug(timeouts, own),
        ca_file,
        trust,
        eject_after: eject_after?,
        eject_time: eject_time?,
    })
}

fn by_slug(usual: Timeouts, list: Vec<Own>) -> BTreeMap<String, Timeouts> {
    let mut all = BTreeMap::new();
    for Own { slug, kind, time } in list {
        let own: &mut Timeouts = all.entry(slug).or_insert(usual);
        match kind {
            Kind::Connect => own.connect = time,
            Kind::Response => own.response = time,
            Kind::Idle => own.idle = time,
        }
    }
    all
}

fn trusted(r: &mut Reader<'_>) -> BTreeMap<String, ServiceTrust> {
    let mut all = BTreeMap::new();
    for (slug, trust) in r.list(&SERVICE_TRUST, trust) {
        if all.insert(slug.clone(), trust).is_some() {
            r.complain_about(&SERVICE_TRUST, format!("names \"{slug}\" twice; keep one of the two"));
        }
    }
    all
}

/// `billing=/etc/ca/billing.pem`, or `billing=sha256:` and the fingerprint.
fn trust(text: &str) -> Checked<(String, ServiceTrust)> {
    let mend = "names no service and its proof; write for example billing=/etc/ca/billing.pem";
    let (slug, proof) = text.split_once('=').ok_or(mend)?;
    let (slug, proof) = (slug.trim(), proof.trim());
    slug::check(slug).map_err(|problem| format!("names no service: \"{slug}\" {problem}"))?;
    let trust = match proof.strip_prefix("sha256:") {
        Some(pin) => ServiceTrust::PinSha256(parse_pin(pin)?),
        None => ServiceTrust::CaFile(existing_file(proof)?),
    };
    Ok((slug.to_owned(), trust))
}

/// `billing/response=5m`.
fn own(text: &str) -> Checked<Own> {
    let mend = "is not a timeout of a service; write for example billing/response=5m";
    let (name, time) = text.split_once('=').ok_or(mend)?;
    let (slug, kind) = name.trim().split_once('/').ok_or(mend)?;
    let kind = match kind {
        "connect" => Kind::Connect,
        "response" => Kind::Response,
        "idle" => Kind::Idle,
        _ => return Err("names no timeout; there are connect, response and idle".into()),
    };
    if slug.is_empty() {
        return Err(mend.into());
    }
    Ok(Own { slug: slug.to_owned(), kind, time: duration(TIMEOUT)(time.trim())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load, load_toml};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn defaults() {
        let services = load([]).services;
        assert_eq!(
            services.timeouts,
            Timeouts { connect: SECOND * 2, response: SECOND * 60, idle: SECOND * 60 }
        );
        assert_eq!((services.eject_after, services.eject_time), (3, SECOND * 10));
        assert!(services.own_timeouts.is_empty() && services.ca_file.is_none());
    }

    #[test]
    fn a_service_may_have_its_own() {
        let services =
            load([("SERVICE_TIMEOUTS", "billing/response=5m, web/idle=1h,billing/connect=500ms")]).services;
        let billing = services.own_timeouts["billing"];
        assert_eq!((billing.response, billing.connect), (SECOND * 300, SECOND / 2));
        assert_eq!(billing.idle, services.timeouts.idle, "the rest is as usual");
        assert_eq!(services.own_timeouts["web"].idle, SECOND * 3_600);
        let array = "[services]\ntimeouts = ['a/idle=2s', 'a/connect=3s']";
        let own = load_toml([], array).services.own_timeouts;
        assert_eq!((own["a"].idle, own["a"].connect), (SECOND * 2, SECOND * 3));
    }

    #[test]
    fn a_service_may_prove_itself_in_a_way_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "x").unwrap();
        let list = format!("billing={}, web=sha256:{}", file.display(), "ab".repeat(32));
        let trust = load([("SERVICE_TRUST", &*list)]).services.trust;
        assert_eq!(trust["billing"], ServiceTrust::CaFile(file.clone()));
        assert_eq!(trust["web"], ServiceTrust::PinSha256([0xab; 32]));
        let twice = format!("web={0},web={0}", file.display());
        for (value, expected) in [
            ("billing", "names no service and its proof"),
            ("Billing=/x", "lower case"),
            ("billing=/does/not/exist", "/does/not/exist"),
            ("billing=sha256:ab", "64 hexadecimal digits"),
            (&*twice, "names \"web\" twice"),
        ] {
            let error = error([("SERVICE_TRUST", value)]);
            assert!(error.starts_with("environment: SERVICE_TRUST: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (value, expected) in [
            ("billing", "is not a timeout of a service"),
            ("billing=5m", "is not a timeout of a service"),
            ("/idle=5m", "is not a timeout of a service"),
            ("billing/total=5m", "names no timeout"),
            ("billing/idle=soon", "write for example 500ms"),
            ("billing/idle=0", "out of range"),
        ] {
            let error = error([("SERVICE_TIMEOUTS", value)]);
            assert!(
                error.starts_with("environment: SERVICE_TIMEOUTS: ") && error.contains(expected),
                "{error}"
            );
        }
        assert!(error([("SERVICE_EJECT_AFTER", "0")]).contains("from 1 to 1000"));
    }
}
