//! The container registry through the gateway: who gets in, what they may do, and what is recorded of it.

mod conforming;
mod people;
mod recorded;
mod rights;
mod skopeo;
mod tickets;

use super::registry::target::Target;
use crate::support::gateway::TestGateway;
use rack_gateway::store::RoleRow;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

/// A gateway whose registry keeps its images in a directory.
struct Front {
    gateway: TestGateway,
    _images: TempDir,
}

impl Front {
    async fn start() -> Self {
        Self::with_public("").await
    }

    /// Anybody may pull from what `patterns` say.
    async fn with_public(patterns: &str) -> Self {
        let images = tempfile::tempdir().unwrap();
        let gateway = TestGateway::with([
            ("REGISTRY_STORAGE", "dir"),
            ("REGISTRY_DIR", images.path().to_str().unwrap()),
            ("REGISTRY_PUBLIC", patterns),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ]);
        Self { gateway: gateway.await, _images: images }
    }

    /// As somebody with this password.
    fn by(&self, password: &str) -> Target {
        let password = password.to_owned();
        Target::new(&self.gateway.url(""), move |request| request.basic_auth("any", Some(&password)))
    }

    fn by_ticket(&self, ticket: &str) -> Target {
        let ticket = ticket.to_owned();
        Target::new(&self.gateway.url(""), move |request| request.bearer_auth(&ticket))
    }

    fn nobody(&self) -> Target {
        Target::open(&self.gateway.url(""))
    }

    async fn admin(&self) -> Target {
        self.by(&self.gateway.token("admin").await)
    }

    /// A token of somebody who holds only `permissions`, on `target`.
    async fn token_with(&self, role: &str, permissions: &str, target: &str) -> String {
        let role = RoleRow {
            name: role.to_owned(),
            description: "of a test".to_owned(),
            permissions: permissions.to_owned(),
            created_at: self.gateway.clock.now(),
        };
        self.gateway.db.add_role(&role).await.unwrap();
        self.gateway.token_on(&role.name, target).await
    }

    fn ask_ticket(&self, query: &str) -> RequestBuilder {
        reqwest::Client::new().get(self.gateway.url(&format!("/token{query}")))
    }

    /// A ticket for somebody with this password.
    async fn ticket(&self, password: &str) -> String {
        ticket_of(self.ask_ticket("").basic_auth("any", Some(password)).send().await.unwrap()).await
    }

    async fn anonymous_ticket(&self) -> String {
        ticket_of(self.ask_ticket("").send().await.unwrap()).await
    }
}

async fn ticket_of(answer: Response) -> String {
    let document = document(answer).await;
    document["token"].as_str().unwrap().to_owned()
}

async fn document(answer: Response) -> Value {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The one challenge of a refusal.
fn challenge(answer: &Response) -> String {
    assert_eq!(answer.status(), 401);
    let challenges: Vec<_> = answer.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges.len(), 1, "{challenges:?}");
    challenges[0].to_str().unwrap().to_owned()
}
