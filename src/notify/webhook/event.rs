//! What is told, in the form of the distribution project: `application/vnd.docker.distribution.events.v1+json`.

use crate::{
    config::WebhookAction,
    core::{RequestId, Timestamp, id::DeliveryId},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

pub const CONTENT_TYPE: &str = "application/vnd.docker.distribution.events.v1+json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Push,
    Delete,
}

impl From<Action> for WebhookAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Push => Self::Push,
            Action::Delete => Self::Delete,
        }
    }
}

/// Something that changes in the registry.
#[derive(Clone, Debug)]
pub struct Happening {
    pub action: Action,
    pub target: Touched,
    pub request: Asked,
    /// Who did it, as the audit record names them.
    pub actor: String,
}

/// What is pushed or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Touched {
    /// Only of what is pushed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// Unknown when a tag is deleted that is not there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
    /// The same as `size`; older receivers read it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u64>,
    pub repository: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
}

/// The request that did it.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// As in the audit log, and in the answer's `X-Request-Id`.
    pub id: RequestId,
    pub addr: IpAddr,
    pub host: String,
    pub method: String,
    pub useragent: String,
}

/// The gateway that tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    pub addr: String,
    /// Of this process.
    #[serde(rename = "instanceID")]
    pub instance: String,
}

#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    events: [Event<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Event<'a> {
    id: DeliveryId,
    timestamp: Timestamp,
    action: Action,
    target: &'a Touched,
    request: &'a Asked,
    actor: Actor<'a>,
    source: &'a Source,
}

#[derive(Debug, Serialize)]
struct Actor<'a> {
    name: &'a str,
}

impl<'a> Envelope<'a> {
    pub fn of(id: DeliveryId, at: Timestamp, happening: &'a Happening, source: &'a Source) -> Self {
        let Happening { action, target, request, actor } = happening;
        let actor = Actor { name: actor };
        Self { events: [Event { id, timestamp: at, action: *action, target, request, actor, source }] }
    }
}

/// What a stored body tells, as far as it can be looked up.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    events: Vec<ToldEvent>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToldEvent {
    pub action: Action,
    pub target: Touched,
}

impl Told {
    pub fn read(body: &[u8]) -> Option<ToldEvent> {
        serde_json::from_slice::<Self>(body).ok()?.events.pop()
    }
}

/// A stored body in a few words, as in `push team/app:v1`; `None` when it cannot be read.
pub fn summary(body: &[u8]) -> Option<String> {
    let ToldEvent { action, target } = Told::read(body)?;
    let word = match action {
        Action::Push => "push",
        Action::Delete => "delete",
    };
    let repository = &target.repository;
    Some(match (&target.tag, &target.digest) {
        (Some(tag), _) => format!("{word} {repository}:{tag}"),
        (None, Some(digest)) => format!("{word} {repository}@{digest}"),
        (None, None) => format!("{word} {repository}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_body_in_a_few_words() {
        let body = |target: &str| format!(r#"{{"events":[{{"action":"push","target":{target}}}]}}"#);
        let told = |target: &str| summary(body(target).as_bytes());
        assert_eq!(told(r#"{"repository":"a/b","tag":"v1","digest":"d"}"#).as_deref(), Some("push a/b:v1"));
        assert_eq!(told(r#"{"repository":"a/b","digest":"sha256:d"}"#).as_deref(), Some("push a/b@sha256:d"));
        assert_eq!(told("{}"), None);
    }

    #[test]
    fn the_envelope_is_that_of_distribution() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let id = DeliveryId::new(at);
        let request_id = RequestId::new(at);
        let happening = Happening {
            action: Action::Push,
            target: Touched {
                media_type: Some("application/vnd.oci.image.manifest.v1+json".into()),
                size: Some(7),
                length: Some(7),
                digest: Some("sha256:ab".into()),
                repository: "team/app".into(),
                url: Some("https://gw/v2/team/app/manifests/sha256:ab".into()),
                tag: Some("v1".into()),
            },
            request: Asked {
                id: request_id,
                addr: [192, 0, 2, 7].into(),
                host: "gw".into(),
                method: "PUT".into(),
                useragent: "skopeo".into(),
            },
            actor: "ada@example.com".into(),
        };
        let source = Source { addr: "gw".into(), instance: "1".into() };
        let bytes = serde_json::to_vec(&Envelope::of(id, at, &happening, &source)).unwrap();
        let expected = json!({"events": [{
            "id": id, "timestamp": "2023-11-14T22:13:20.000000Z", "action": "push",
            "target": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "digest": "sha256:ab",
                "length": 7, "repository": "team/app", "url": "https://gw/v2/team/app/manifests/sha256:ab",
                "tag": "v1",
            },
            "request": {
                "id": request_id, "addr": "192.0.2.7", "host": "gw", "method": "PUT", "useragent": "skopeo",
            },
            "actor": {"name": "ada@example.com"},
            "source": {"addr": "gw", "instanceID": "1"},
        }]});
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        let told = Told::read(&bytes).unwrap();
        assert_eq!((told.action, told.target), (Action::Push, happening.target));
        assert!(Told::read(b"{}").is_none() && Told::read(br#"{"events":[]}"#).is_none());
    }
}
