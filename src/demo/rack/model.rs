//! What lives on a rack, in the JSON shapes that the CLI reads.

use super::blob::Blob;
use crate::core::Timestamp;
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

const KEPT_EVENTS: usize = 500;

/// Numbers for new things, shared by all apps of a rack.
#[derive(Debug, Clone, Default)]
pub struct Ids(Arc<[AtomicU64; 3]>);

impl Ids {
    pub fn release(&self) -> String {
        format!("R{:09}", self.next(0))
    }

    pub fn build(&self) -> String {
        format!("B{:09}", self.next(1))
    }

    /// Such as `web-6f9d-abcde`: the service, the rollout and five letters.
    pub fn process(&self, service: &str, rollout: &str) -> String {
        let digest = Sha256::digest(self.next(2).to_be_bytes());
        let letters: String = digest.iter().take(5).map(|byte| char::from(b'a' + byte % 26)).collect();
        let rollout = hex::encode(Sha256::digest(rollout));
        format!("{service}-{}-{letters}", rollout.get(..4).unwrap_or_default())
    }

    /// A number that no other object on this rack got.
    pub fn serial(&self) -> u64 {
        self.next(2)
    }

    fn next(&self, kind: usize) -> u64 {
        self.0.get(kind).map_or(0, |counter| counter.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AppStatus {
    Running,
    Updating,
}

#[derive(Debug, Clone, Serialize)]
pub struct App {
    pub generation: String,
    pub locked: bool,
    pub name: String,
    pub release: String,
    pub router: String,
    pub status: AppStatus,
    pub parameters: BTreeMap<String, String>,
    #[serde(skip)]
    pub ids: Ids,
    #[serde(skip)]
    pub services: BTreeMap<String, Service>,
    #[serde(skip)]
    pub processes: Vec<Process>,
    /// Oldest first.
    #[serde(skip)]
    pub releases: Vec<Release>,
    /// Oldest first.
    #[serde(skip)]
    pub builds: Vec<Build>,
    #[serde(skip)]
    pub objects: BTreeMap<String, Blob>,
    #[serde(skip)]
    pub configs: BTreeMap<String, String>,
    #[serde(skip)]
    pub resources: BTreeMap<String, Resource>,
    #[serde(skip)]
    pub data: BTreeMap<String, Blob>,
    #[serde(skip)]
    pub budget: Option<Budget>,
    #[serde(skip)]
    pub events: VecDeque<Event>,
    /// Goes up with every rollout and every cancel, so that an overtaken rollout notices.
    #[serde(skip)]
    pub rollout: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Service {
    pub count: u32,
    pub cpu: u32,
    pub domain: String,
    pub memory: u32,
    pub name: String,
    pub ports: Vec<ServicePort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ServicePort {
    pub balancer: u16,
    pub certificate: String,
    pub container: u16,
}

#[derive(Debug, Clone, Serialize)]
pub struct Process {
    pub id: String,
    pub app: String,
    pub command: String,
    pub cpu: f64,
    pub gpu: u32,
    pub host: String,
    pub image: String,
    pub instance: String,
    pub memory: f64,
    pub name: String,
    pub ports: Vec<String>,
    pub release: String,
    pub service: String,
    pub started: Timestamp,
    pub status: &'static str,
    #[serde(skip)]
    pub extra_env: BTreeMap<String, String>,
    #[serde(skip)]
    pub files: BTreeMap<String, Bytes>,
    /// Started by `run`, so restarts and rollouts leave it alone.
    #[serde(skip)]
    pub one_off: bool,
    #[serde(skip)]
    pub stop: CancellationToken,
}

#[derive(Debug, Clone, Serialize)]
pub struct Release {
    pub id: String,
    pub app: String,
    pub build: String,
    /// The whole environment, `NAME=value` lines.
    pub env: String,
    pub manifest: String,
    pub description: String,
    pub created: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Build {
    pub id: String,
    pub app: String,
    pub description: String,
    pub entrypoint: String,
    #[serde(rename = "git-sha")]
    pub git_sha: String,
    pub logs: String,
    pub manifest: String,
    pub process: String,
    pub release: String,
    pub reason: String,
    pub repository: String,
    pub status: String,
    pub started: Timestamp,
    /// Not there while the build runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    #[serde(skip)]
    pub output: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    pub name: String,
    pub parameters: BTreeMap<String, String>,
    pub status: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub url: String,
    /// Apps linked to a rack resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<LinkedApp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkedApp {
    pub name: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    #[serde(rename = "monthly-cap-usd")]
    pub monthly_cap_usd: f64,
    #[serde(rename = "alert-threshold-percent")]
    pub alert_threshold_percent: u32,
    #[serde(rename = "at-cap-action")]
    pub at_cap_action: String,
}

/// One line in an app's log that something on the rack caused.
#[derive(Debug, Clone)]
pub struct Event {
    pub number: u64,
    pub at: Timestamp,
    pub text: String,
}

impl App {
    pub fn new(name: &str, ids: Ids) -> Self {
        Self {
            generation: "3".into(),
            locked: false,
            name: name.into(),
            release: String::new(),
            router: "router.demo.convox.local".into(),
            status: AppStatus::Running,
            parameters: BTreeMap::new(),
            ids,
            services: BTreeMap::new(),
            processes: Vec::new(),
            releases: Vec::new(),
            builds: Vec::new(),
            objects: BTreeMap::new(),
            configs: BTreeMap::new(),
            resources: BTreeMap::new(),
            data: BTreeMap::new(),
            budget: None,
            events: VecDeque::new(),
            rollout: 0,
        }
    }

    pub fn log(&mut self, at: Timestamp, text: impl Into<String>) {
        if self.events.len() == KEPT_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { number: self.ids.serial(), at, text: text.into() });
    }

    /// Adds a release that takes what is not given from the newest one.
    pub fn add_release(&mut self, now: Timestamp, change: ReleaseChange) -> Release {
        let base = match &change.parent {
            Some(parent) => self.releases.iter().find(|release| release.id == *parent),
            None => self.releases.last(),
        };
        let of_base = |field: fn(&Release) -> &String| base.map(field).cloned().unwrap_or_default();
        let build = change.build.unwrap_or_else(|| of_base(|base| &base.build));
        let manifest = match self.builds.iter().find(|known| known.id == build) {
            Some(build) => build.manifest.clone(),
            None => of_base(|base| &base.manifest),
        };
        let release = Release {
            id: self.ids.release(),
            app: self.name.clone(),
            build,
            env: change.env.unwrap_or_else(|| of_base(|base| &base.env)),
            manifest,
            description: change.description,
            created: now,
        };
        self.releases.push(release.clone());
        release
    }
}

impl Service {
    pub fn new(app: &str, name: &str) -> Self {
        Self {
            count: 1,
            cpu: 256,
            domain: format!("{name}.{app}.demo.convox.local"),
            memory: 512,
            name: name.into(),
            ports: vec![ServicePort { balancer: 443, certificate: String::new(), container: 3000 }],
            min: None,
            max: None,
        }
    }
}

/// What a new release changes; `None` keeps what the release before it had.
#[derive(Debug, Default)]
pub struct ReleaseChange {
    pub parent: Option<String>,
    pub build: Option<String>,
    pub env: Option<String>,
    pub description: String,
}
