//! Everything on the rack, and how to find things in it.

use super::{
    auth::Role,
    model::{App, Ids, Process, Release, Resource, Service},
    reply::Refusal,
};
use crate::core::{Secret, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct World {
    pub ids: Ids,
    pub apps: BTreeMap<String, App>,
    pub registries: Vec<Registry>,
    pub certificates: Vec<Certificate>,
    pub letsencrypt: Value,
    pub instances: Vec<Instance>,
    pub resources: BTreeMap<String, Resource>,
    pub system: System,
    pub tokens: Vec<Token>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Registry {
    pub server: String,
    pub username: String,
    pub password: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Certificate {
    pub id: String,
    pub domain: String,
    pub domains: Vec<String>,
    pub expiration: Timestamp,
    pub status: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Instance {
    pub agent: bool,
    pub cpu: f64,
    pub cpu_capacity: f64,
    pub cpu_allocatable: f64,
    pub id: String,
    pub memory: f64,
    pub memory_capacity: f64,
    pub memory_allocatable: f64,
    pub private_ip: String,
    /// Counted when the list is asked for.
    pub processes: usize,
    pub public_ip: String,
    pub status: String,
    pub started: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct System {
    pub count: u32,
    pub domain: String,
    pub name: String,
    pub outputs: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    pub provider: String,
    pub rack_domain: String,
    pub router_internal: String,
    pub region: String,
    pub status: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: String,
}

/// A password for the user `jwt`, which this rack gave out.
#[derive(Debug)]
pub struct Token {
    pub secret: Secret,
    pub role: Role,
    pub expires: Timestamp,
}

impl World {
    pub fn app(&self, name: &str) -> Result<&App, Refusal> {
        self.apps.get(name).ok_or_else(|| Refusal::NoApp(name.into()))
    }

    pub fn app_mut(&mut self, name: &str) -> Result<&mut App, Refusal> {
        self.apps.get_mut(name).ok_or_else(|| Refusal::NoApp(name.into()))
    }
}

impl App {
    pub fn process(&self, id: &str) -> Result<&Process, Refusal> {
        let found = self.processes.iter().find(|process| process.id == id);
        found.ok_or_else(|| Refusal::no_such("process", id))
    }

    pub fn process_mut(&mut self, id: &str) -> Result<&mut Process, Refusal> {
        let found = self.processes.iter_mut().find(|process| process.id == id);
        found.ok_or_else(|| Refusal::no_such("process", id))
    }

    pub fn release(&self, id: &str) -> Result<&Release, Refusal> {
        let found = self.releases.iter().find(|release| release.id == id);
        found.ok_or_else(|| Refusal::no_such("release", id))
    }

    pub fn service_mut(&mut self, name: &str) -> Result<&mut Service, Refusal> {
        self.services.get_mut(name).ok_or_else(|| Refusal::no_such("service", name))
    }
}
