//! One thing that is registered: the machine, or a service on it.

use crate::{
    cli::{
        client::{
            directory::escaped,
            http::{Answer, Api},
        },
        failure::Failure,
    },
    directory::node::Machine,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub struct Presence {
    what: What,
    /// The id under which the gateway knows the service; `None` until it does.
    id: Option<String>,
    /// The gateway has said yes once; what it says later may be an accident on its side.
    is_known: bool,
}

enum What {
    Node { url: String, machine: Machine },
    Service { slug: String, url: String, node: String, ttl: u64 },
}

/// What came of saying that it lives.
pub enum Beat {
    Done,
    /// The gateway cannot be reached, or cannot work now.
    Away(Failure),
    /// Trying again would not help.
    Never(Failure),
}

impl Presence {
    pub fn node(url: &str) -> Self {
        let what = What::Node { url: url.to_owned(), machine: Machine::default() };
        Self { what, id: None, is_known: false }
    }

    pub fn service(slug: &str, url: &str, node: &str, ttl: u64) -> Self {
        let (slug, url, node) = (slug.to_owned(), url.to_owned(), node.to_owned());
        Self { what: What::Service { slug, url, node, ttl }, id: None, is_known: false }
    }

    /// For people.
    pub fn name(&self) -> String {
        match &self.what {
            What::Node { url, .. } => format!("node {url}"),
            What::Service { slug, url, .. } => format!("{slug} at {url}"),
        }
    }

    /// Says that it lives; registers it when the gateway does not know it, or not any more.
    pub async fn beat(&mut self, api: &Api) -> Beat {
        let answered = match &self.id {
            Some(id) => {
                let path = format!("/registry-svc/instance/{}/heartbeat", escaped(id));
                match api.call(Method::PUT, &path, Some(&json!({}))).await {
                    Ok(answer) if is_gone(answer.status) => self.register(api).await,
                    other => other,
                }
            }
            None => self.register(api).await,
        };
        match answered {
            Ok(answer) if answer.status.is_success() => {
                self.is_known = true;
                Beat::Done
            }
            Ok(answer) => self.refused(&answer),
            Err(failure) => Beat::Away(failure),
        }
    }

    async fn register(&mut self, api: &Api) -> Result<Answer, Failure> {
        self.id = None;
        let (path, document) = match &self.what {
            What::Node { url, machine } => {
                let figures = machine.figures(url).await;
                ("/registry-svc/node", json!({ "url": url, "figures": figures }))
            }
            What::Service { slug, url, node, ttl } => {
                let document = json!({
                    "slug": slug, "url": url, "nodeUrl": node, "ttl": ttl, "status": "Healthy",
                });
                ("/registry-svc/instance", document)
            }
        };
        let answer = api.call(Method::PUT, path, Some(&document)).await?;
        if answer.status.is_success() {
            self.learn(&answer);
        }
        Ok(answer)
    }

    /// How the gateway calls what was registered: by an id that it made, or by an address in its own spelling.
    fn learn(&mut self, answer: &Answer) {
        let text = |pointer: &str| answer.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        match &mut self.what {
            What::Service { .. } => self.id = text("/instance/id"),
            What::Node { url, .. } => *url = text("/node/url").unwrap_or_else(|| std::mem::take(url)),
        }
    }

    fn refused(&self, answer: &Answer) -> Beat {
        let failure = match answer.failure() {
            Failure::Refused(said) => Failure::Refused(format!("{}: {said}", self.name())),
            Failure::NotDone(said) => Failure::NotDone(format!("{}: {said}", self.name())),
            other => other,
        };
        let can_wait = self.is_known
            || answer.status.is_server_error()
            || matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if can_wait { Beat::Away(failure) } else { Beat::Never(failure) }
    }

    /// Takes it out; true when the gateway does not know it any more.
    pub async fn leave(&mut self, api: &Api) -> bool {
        let path = match (&self.what, &self.id) {
            (What::Service { .. }, None) => return true,
            (What::Service { .. }, Some(id)) => format!("/registry-svc/instance/{}", escaped(id)),
            (What::Node { .. }, _) if !self.is_known => return true,
            (What::Node { url, .. }, _) => format!("/registry-svc/node/{}", escaped(url)),
        };
        match api.call(Method::DELETE, &path, None).await {
            Ok(answer) => answer.status.is_success() || is_gone(answer.status),
            Err(_) => false,
        }
    }
}

/// The gateway has forgotten it.
fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}
