//! The body of a registration, and the limits of what it may hold.

use super::super::ApiError;
use crate::directory::{
    Address, CheckKind, CheckWish, InstanceId, InvalidAddress, Parts, Registration, Status,
};
use serde::Deserialize;
use std::{ops::RangeInclusive, time::Duration};
use utoipa::ToSchema;

/// What is given overwrites, what is not given stays. Times are in seconds.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RegisterBody {
    /// `inst_` and up to 64 letters, digits, dashes and underscores; made when absent.
    id: Option<String>,
    /// Name of the service; needed for a new instance.
    slug: Option<String>,
    /// Either this, or the parts of it.
    url: Option<String>,
    scheme: Option<String>,
    host: Option<String>,
    ip: Option<String>,
    port: Option<u16>,
    path: Option<String>,
    /// `Unknown`, `Healthy`, `Degraded`, `Unreachable` or `Error`: how the instance says it is.
    status: Option<String>,
    details: Option<String>,
    tags: Option<Words>,
    /// Share of the calls, 0 to 1000; 100 unless given.
    weight: Option<u16>,
    node_url: Option<String>,
    deployment_id: Option<String>,
    /// Seconds that one heartbeat is good for, 5 to 86400; 0 when none are needed.
    ttl: Option<u64>,
    /// Seconds of failure after which it is removed; 0 is never, 600 unless given.
    deregister_after: Option<u64>,
    check: Option<CheckBody>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CheckBody {
    /// `tcp`, `http`, `ttl` or `none`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What an HTTP check asks for.
    path: Option<String>,
    /// Seconds, 1 to 3600.
    interval: Option<u64>,
    /// Seconds, 1 to 60.
    timeout: Option<u64>,
    /// The status that an HTTP check expects; 0 for any of 200 to 299.
    expect: Option<u16>,
    failures_before_critical: Option<u16>,
    successes_before_passing: Option<u16>,
}

/// A list, or one word of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Words {
    Many(Vec<String>),
    One(String),
}

const TTL: RangeInclusive<u64> = 5..=86_400;
const MONTH: u64 = 31 * 86_400;
const MOST_TAGS: usize = 32;

impl RegisterBody {
    pub fn slug(&self) -> Option<&str> {
        self.slug.as_deref()
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub fn read(self) -> Result<Registration, ApiError> {
        let address = self.address()?;
        let check = self.check.map(CheckBody::read).transpose()?.unwrap_or_default();
        Ok(Registration {
            id: self.id.as_deref().map(instance_id).transpose()?,
            slug: self.slug,
            address,
            weight: self.weight.map(|weight| within("weight", weight, 0..=1_000)).transpose()?,
            tags: self.tags.map(tags).transpose()?,
            status: self.status.as_deref().map(|status| read_status("status", status)).transpose()?,
            details: self.details.map(|text| plain("details", text, 1_000)).transpose()?,
            node_url: self.node_url.map(|text| plain("nodeUrl", text, 300)).transpose()?,
            deployment_id: self.deployment_id.map(|text| plain("deploymentId", text, 200)).transpose()?,
            ttl: self.ttl.map(|ttl| seconds("ttl", ttl, TTL)).transpose()?,
            deregister_after: self
                .deregister_after
                .map(|span| seconds("deregisterAfter", span, 1..=MONTH))
                .transpose()?,
            check,
        })
    }

    fn address(&self) -> Result<Option<Address>, ApiError> {
        let parts = Parts {
            scheme: self.scheme.as_deref(),
            host: self.host.as_deref(),
            ip: self.ip.as_deref(),
            port: self.port,
            path: self.path.as_deref(),
        };
        if self.url.is_none() && parts == Parts::default() {
            return Ok(None);
        }
        let read = Address::read(self.url.as_deref(), &parts);
        read.map(Some).map_err(|InvalidAddress { field, message }| ApiError::field(field, message))
    }
}

impl CheckBody {
    fn read(self) -> Result<CheckWish, ApiError> {
        let kind = self.kind.as_deref().map(|kind| {
            let problem = || ApiError::field("check.type", "must be one of tcp, http, ttl, none");
            CheckKind::parse(kind).ok_or_else(problem)
        });
        let times = |field, span: Option<u64>, range: RangeInclusive<u64>| {
            span.map(|span| within(field, span, range).map(Duration::from_secs)).transpose()
        };
        let counts = |field, count: Option<u16>| count.map(|count| within(field, count, 1..=100)).transpose();
        Ok(CheckWish {
            kind: kind.transpose()?,
            path: self.path.map(check_path).transpose()?,
            interval: times("check.interval", self.interval, 1..=3_600)?,
            timeout: times("check.timeout", self.timeout, 1..=60)?,
            expect: match self.expect {
                None => None,
                Some(0) => Some(None),
                Some(status) => Some(Some(within("check.expect", status, 100..=599)?)),
            },
            failures_before_critical: counts("check.failuresBeforeCritical", self.failures_before_critical)?,
            successes_before_passing: counts("check.successesBeforePassing", self.successes_before_passing)?,
        })
    }
}

fn instance_id(text: &str) -> Result<InstanceId, ApiError> {
    let mend = "must be inst_ and up to 64 letters, digits, dashes and underscores; leave it out to get one";
    InstanceId::parse(text).ok_or_else(|| ApiError::field("id", mend))
}

pub fn read_status(field: &str, text: &str) -> Result<Status, ApiError> {
    let mend = || {
        let words: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        ApiError::field(field, format!("must be one of {}", words.join(", ")))
    };
    Status::parse(text).ok_or_else(mend)
}

fn tags(words: Words) -> Result<Vec<String>, ApiError> {
    let mut tags = match words {
        Words::Many(tags) => tags,
        Words::One(tag) => vec![tag],
    };
    if tags.len() > MOST_TAGS {
        return Err(ApiError::field("tags", format!("are more than {MOST_TAGS}")));
    }
    let is_tag = |tag: &String| {
        (1..=100).contains(&tag.len())
            && tag.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != ',')
    };
    if !tags.iter().all(is_tag) {
        return Err(ApiError::field("tags", "must have 1 to 100 characters each, without spaces and commas"));
    }
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// Text that may be shown to people and written to logs.
pub fn plain(field: &str, text: String, most: usize) -> Result<String, ApiError> {
    if text.chars().count() > most {
        return Err(ApiError::field(field, format!("has more than {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::field(field, "holds a control character; write it on one line"));
    }
    Ok(text)
}

fn check_path(path: String) -> Result<String, ApiError> {
    let is_path = path.starts_with('/')
        && path.len() <= 1_000
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let mend = "must begin with a slash, without spaces and fragment, at most 1000 characters";
    if is_path { Ok(path) } else { Err(ApiError::field("check.path", mend)) }
}

fn within<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, ApiError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ApiError::field(field, format!("must be from {} to {}", range.start(), range.end())))
}

/// 0 stands for none.
fn seconds(field: &str, value: u64, range: RangeInclusive<u64>) -> Result<Option<Duration>, ApiError> {
    match value {
        0 => Ok(None),
        value => within(field, value, range).map(|value| Some(Duration::from_secs(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Registration, String> {
        let body = super::super::super::parse::<RegisterBody>(json.as_bytes());
        body.and_then(RegisterBody::read)
            .map_err(|error| error.to_string().split(':').next().unwrap().to_owned())
    }

    #[test]
    fn a_mistake_names_its_field() {
        for (json, field) in [
            (r#"{"id":"x"}"#, "id"),
            (r#"{"url":"web"}"#, "url"),
            (r#"{"host":"a b"}"#, "host"),
            (r#"{"port":70000}"#, "port"),
            (r#"{"port":8080}"#, "url"),
            (r#"{"url":"http://web","port":81}"#, "port"),
            (r#"{"status":"Fine"}"#, "status"),
            (r#"{"details":"a\u0007"}"#, "details"),
            (r#"{"tags":["a b"]}"#, "tags"),
            (r#"{"weight":1001}"#, "weight"),
            (r#"{"ttl":4}"#, "ttl"),
            (r#"{"deregisterAfter":99999999}"#, "deregisterAfter"),
            (r#"{"check":{"type":"ping"}}"#, "check.type"),
            (r#"{"check":{"path":"healthz"}}"#, "check.path"),
            (r#"{"check":{"path":"/a b"}}"#, "check.path"),
            (r#"{"check":{"interval":0}}"#, "check.interval"),
            (r#"{"check":{"timeout":61}}"#, "check.timeout"),
            (r#"{"check":{"expect":99}}"#, "check.expect"),
            (r#"{"check":{"failuresBeforeCritical":0}}"#, "check.failuresBeforeCritical"),
            (r#"{"slugg":"a"}"#, "slugg"),
            (r#"{"owner":"me"}"#, "owner"),
        ] {
            assert_eq!(read(json).map(drop).unwrap_err(), field, "{json}");
        }
        let tags = format!(r#"{{"tags":[{}]}}"#, vec![r#""a""#; 33].join(","));
        assert_eq!(read(&tags).map(drop).unwrap_err(), "tags");
    }

    #[test]
    fn what_is_given_is_read() {
        let json = r#"{"id":"inst_1","slug":"web","ip":"10.0.0.1","port":8080,"path":"api","status":"healthy",
            "tags":["b","a","b"],"ttl":0,"deregisterAfter":0,"check":{"type":"http","expect":0,"interval":5}}"#;
        let wish = read(json).unwrap();
        assert_eq!(wish.address.unwrap().to_string(), "http://10.0.0.1:8080/api");
        assert_eq!(
            (wish.status, wish.tags.unwrap()),
            (Some(Status::Healthy), vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!((wish.ttl, wish.deregister_after), (Some(None), Some(None)));
        assert_eq!((wish.check.kind, wish.check.expect), (Some(CheckKind::Http), Some(None)));
        assert_eq!(wish.check.interval, Some(Duration::from_secs(5)));
        assert_eq!(read(r#"{"tags":"one"}"#).unwrap().tags.unwrap(), ["one"]);
    }
}
