//! The container registry through the gateway: who gets in, what they may do, and what is recorded of it.

mod conforming;
mod owned;
mod people;
mod recorded;
mod rights;
mod skopeo;
mod tickets;

use super::registry::target::Target;
use crate::support::{gateway::TestGateway, registry::Distribution};
use rack_gateway::store::RoleRow;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

/// A gateway whose registry keeps its images in a directory, or in Debian's registry behind it.
struct Front {
    gateway: TestGateway,
    _images: TempDir,
    behind: Option<Distribution>,
}

/// What signs tickets.
const KEY: &str = "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=";

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
            ("APP_SECRET_KEY", KEY),
        ]);
        Self { gateway: gateway.await, _images: images, behind: None }
    }

    /// `None` where that registry is not installed.
    async fn before_distribution(patterns: &str) -> Option<Self> {
        let behind = Distribution::start().await?;
        let images = tempfile::tempdir().unwrap();
        let gateway = TestGateway::with([
            ("REGISTRY_STORAGE", "proxy"),
            ("REGISTRY_UPSTREAM_URL", &behind.url),
            ("REGISTRY_UPSTREAM_METRICS_URL", &behind.metrics_url),
            ("REGISTRY_PUBLIC", patterns),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            ("APP_SECRET_KEY", KEY),
        ])
        .await;
        Some(Self { gateway, _images: images, behind: Some(behind) })
    }

    /// One of each kind that can be had here.
    async fn of_each_kind(patterns: &str) -> Vec<Self> {
        let own = Self::with_public(patterns).await;
        [Some(own), Self::before_distribution(patterns).await].into_iter().flatten().collect()
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
