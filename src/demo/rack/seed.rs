//! The rack as it is when it starts: a web shop, an API, and enough around them to look at.

use super::{
    model::{App, Build, Ids, LinkedApp, ReleaseChange, Resource},
    world::{Certificate, Instance, Registry, System, World},
};
use crate::core::Timestamp;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const WEB_MANIFEST: &str = "\
environment:
  - DATABASE_PASSWORD
services:
  web:
    build: .
    port: 3000
  worker:
    build: .
    command: bin/worker
resources:
  database:
    type: postgres
";

const API_MANIFEST: &str = "\
services:
  api:
    build: .
    port: 3000
";

/// Made-up values, so that redaction and masking have something to work on.
const WEB_ENV: &str = "\
API_TOKEN=demo-api-token-1f2e3d
DATABASE_PASSWORD=demo-database-password
FOO=bar
PORT=3000
STRIPE_SECRET_KEY=demo-stripe-secret-key";

pub fn world(now: Timestamp) -> World {
    let ids = Ids::default();
    let apps = [web(now, ids.clone()), api(now, ids.clone())];
    World {
        ids,
        apps: apps.into_iter().map(|app| (app.name.clone(), app)).collect(),
        registries: vec![Registry {
            server: "registry.example.org".into(),
            username: "demo".into(),
            password: "demo-registry-password".into(),
        }],
        certificates: vec![Certificate {
            id: "cert-demo".into(),
            domain: "demo.convox.local".into(),
            domains: vec!["demo.convox.local".into(), "*.demo.convox.local".into()],
            expiration: now.saturating_add(90 * DAY),
            status: "issued".into(),
        }],
        letsencrypt: json!({"role": "", "solvers": []}),
        instances: vec![instance(now, "node-a", 10), instance(now, "node-b", 11)],
        resources: [("cache".to_owned(), cache())].into(),
        system: system(),
        tokens: Vec::new(),
    }
}

fn web(now: Timestamp, ids: Ids) -> App {
    let mut app = App::new("web", ids);
    app.parameters = [("BuildMemory".to_owned(), "1024".to_owned())].into();
    for (description, env) in [
        ("first version", "FOO=bar\nPORT=3000"),
        ("connect the database", WEB_ENV),
        ("faster start page", WEB_ENV),
    ] {
        release(&mut app, now, description, WEB_MANIFEST, env);
    }
    if let Ok(service) = app.service_mut("web") {
        service.count = 2;
    }
    app.fill(now, "web");
    if let Some(process) = app.processes.iter_mut().find(|process| process.service == "web") {
        process.id = "web-6f9d-abcde".into();
    }
    app.resources.insert("database".into(), database());
    app
}

fn api(now: Timestamp, ids: Ids) -> App {
    let mut app = App::new("api", ids);
    release(&mut app, now, "first version", API_MANIFEST, "LOG_LEVEL=info\nPORT=3000");
    app
}

fn release(app: &mut App, now: Timestamp, description: &str, manifest: &str, env: &str) {
    let build = Build {
        id: app.ids.build(),
        app: app.name.clone(),
        description: description.into(),
        manifest: manifest.into(),
        status: "complete".into(),
        started: now,
        ended: Some(now),
        output: "Build complete\n".into(),
        ..Build::default()
    };
    let id = build.id.clone();
    app.builds.push(build);
    let change = ReleaseChange {
        build: Some(id.clone()),
        env: Some(env.into()),
        description: description.into(),
        ..ReleaseChange::default()
    };
    let release = app.add_release(now, change);
    if let Some(build) = app.builds.iter_mut().find(|build| build.id == id) {
        build.release.clone_from(&release.id);
    }
    app.roll_out(now, &release);
}

fn database() -> Resource {
    Resource {
        name: "database".into(),
        parameters: BTreeMap::new(),
        status: "running".into(),
        kind: "postgres".into(),
        url: "postgres://app:demo-database-password@database.web.demo.convox.local:5432/app".into(),
        apps: Vec::new(),
    }
}

fn cache() -> Resource {
    Resource {
        name: "cache".into(),
        parameters: BTreeMap::new(),
        status: "running".into(),
        kind: "redis".into(),
        url: "redis://:demo-cache-password@cache.demo.convox.local:6379/0".into(),
        apps: vec![LinkedApp { name: "web".into() }],
    }
}

fn instance(now: Timestamp, id: &str, host: u8) -> Instance {
    Instance {
        agent: true,
        cpu: 0.2,
        cpu_capacity: 4000.0,
        cpu_allocatable: 3900.0,
        id: id.into(),
        memory: 0.4,
        memory_capacity: 16384.0,
        memory_allocatable: 15800.0,
        private_ip: format!("10.0.0.{host}"),
        processes: 0,
        public_ip: String::new(),
        status: "running".into(),
        started: now,
    }
}

fn system() -> System {
    System {
        count: 2,
        domain: "router.demo.convox.local".into(),
        name: "demo".into(),
        outputs: BTreeMap::new(),
        parameters: [("node_type".to_owned(), "demo.small".to_owned())].into(),
        provider: "demo".into(),
        rack_domain: "demo.convox.local".into(),
        router_internal: String::new(),
        region: "local".into(),
        status: "running".into(),
        kind: "demo.small".into(),
        // Above every version gate of the CLI, which compares the text.
        version: "3.24.0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shop_is_up() {
        let world = world(Timestamp::from_micros(0));
        let web = world.app("web").unwrap();
        let of = |service: &str| web.processes.iter().filter(|process| process.service == service).count();
        assert_eq!((of("web"), of("worker")), (2, 1));
        assert!(web.process("web-6f9d-abcde").is_ok());
        assert_eq!(web.releases.len(), 3);
        assert_eq!(web.release, web.releases[2].id);
        assert!(world.system.version.as_str() > "20180708231844");
        assert_eq!(world.app("api").unwrap().processes.len(), 1);
    }
}
