//! An instance as the wire shows it: both forms of its address, and what is known of it.

use super::node_view::NodeView;
use crate::{
    core::Timestamp,
    directory::{Check, Event, Instance, Service, node::NodeEvent},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceView {
    id: String,
    url: String,
    scheme: String,
    host: String,
    /// When the host is an address and not a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    port: u16,
    /// Empty, or `/p`.
    path: String,
    slug: String,
    /// `Unknown`, `Healthy`, `Degraded`, `Unreachable` or `Error`.
    status: String,
    /// Why it is so, in the words of the instance or of its check.
    details: String,
    status_since: Timestamp,
    /// Why it takes no new calls although it is well; null when it takes them.
    draining: Option<String>,
    tags: Vec<String>,
    weight: u16,
    /// E-mail address of who registered it.
    owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_id: Option<String>,
    /// The last heartbeat or successful check; null before the first.
    last_heartbeat: Option<Timestamp>,
    /// Seconds that one heartbeat is good for; null when none are needed.
    ttl: Option<u64>,
    /// When the next heartbeat must have come.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    /// Seconds of failure after which it is removed; 0 is never.
    deregister_after: u64,
    check: CheckView,
    registered_at: Timestamp,
    updated_at: Timestamp,
    /// The event that made it what it is; its `ETag`.
    revision: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// `tcp`, `http`, `ttl` or `none`.
    #[serde(rename = "type")]
    kind: String,
    path: String,
    /// Seconds.
    interval: u64,
    /// Seconds.
    timeout: u64,
    /// The answer that is expected; null for any of 200 to 299.
    expect: Option<u16>,
    failures_before_critical: u16,
    successes_before_passing: u16,
}

impl InstanceView {
    pub fn of(one: &Instance) -> Self {
        Self {
            id: one.id.to_string(),
            url: one.address.to_string(),
            scheme: one.address.scheme.as_str().to_owned(),
            host: one.address.host.clone(),
            ip: one.address.ip().map(|ip| ip.to_string()),
            port: one.address.port,
            path: one.address.path.clone(),
            slug: one.slug.clone(),
            status: one.status.to_string(),
            details: one.details.clone(),
            status_since: one.status_since,
            draining: one.draining.clone(),
            tags: one.tags.clone(),
            weight: one.weight,
            owner: one.owner.email.clone(),
            node_url: one.node_url.clone(),
            deployment_id: one.deployment_id.clone(),
            last_heartbeat: one.last_sign_of_life(),
            ttl: one.ttl.map(|ttl| ttl.as_secs()),
            deadline: one.lease_end(),
            deregister_after: one.deregister_after.map_or(0, |span| span.as_secs()),
            check: CheckView::of(&one.check),
            registered_at: one.registered_at,
            updated_at: one.updated_at,
            revision: one.revision,
        }
    }
}

impl CheckView {
    fn of(check: &Check) -> Self {
        let seconds = |span: Duration| span.as_secs();
        Self {
            kind: check.kind.as_str().to_owned(),
            path: check.path.clone(),
            interval: seconds(check.interval),
            timeout: seconds(check.timeout),
            expect: check.expect,
            failures_before_critical: check.failures_before_critical,
            successes_before_passing: check.successes_before_passing,
        }
    }
}

/// One event as the watch tells it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// `registered`, `updated`, `status`, `expired` or `removed`.
    #[serde(rename = "type")]
    kind: String,
    index: u64,
    at: Timestamp,
    instance: InstanceView,
}

impl EventView {
    pub fn of(event: &Event) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            index: event.index,
            at: event.at,
            instance: InstanceView::of(&event.instance),
        }
    }
}

/// One event of a node, as the watch tells it to those who ask for `nodes=true`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeEventView {
    /// `node-registered`, `node-updated`, `node-status` or `node-removed`.
    #[serde(rename = "type")]
    kind: String,
    at: Timestamp,
    node: NodeView,
}

impl NodeEventView {
    pub fn of(event: &NodeEvent) -> Self {
        Self {
            kind: format!("node-{}", event.kind.as_str()),
            at: event.at,
            node: NodeView::of(event.node.clone(), event.at),
        }
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// A service: what is registered under one slug.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceView {
    slug: String,
    /// E-mail address of who claimed the slug.
    pub owner: Option<String>,
    instances: usize,
    /// Those that take calls by their own status.
    live: usize,
    /// So many failed at once that all of them take calls.
    preserved: bool,
}

impl ServiceView {
    pub fn of(slug: &str, service: Option<&Service>) -> Self {
        let instances = service.map(|service| service.instances.as_slice()).unwrap_or_default();
        Self {
            slug: slug.to_owned(),
            owner: None,
            instances: instances.len(),
            live: instances.iter().filter(|one| one.takes_calls()).count(),
            preserved: service.is_some_and(|service| service.preserved),
        }
    }
}
