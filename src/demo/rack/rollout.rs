//! How processes come and go: rollouts, restarts and scaling.

use super::{
    manifest,
    model::{App, Process, Release, Service},
};
use crate::core::Timestamp;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

impl App {
    /// Makes `release` the running one: its services, with all new processes.
    pub fn roll_out(&mut self, now: Timestamp, release: &Release) {
        self.release.clone_from(&release.id);
        let names = manifest::services(&release.manifest);
        if !names.is_empty() {
            self.services.retain(|name, _| names.contains(name));
            for name in names {
                let service = || Service::new(&self.name, &name);
                self.services.entry(name.clone()).or_insert_with(service);
            }
        }
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            self.restart(now, &name);
        }
        let services = &self.services;
        stop(&mut self.processes, |process| !services.contains_key(&process.service));
    }

    /// Replaces all processes of a service.
    pub fn restart(&mut self, now: Timestamp, service: &str) {
        stop(&mut self.processes, |process| process.service == service);
        self.fill(now, service);
    }

    /// Starts or stops processes until there are as many as the service wants.
    pub fn fill(&mut self, now: Timestamp, service: &str) {
        let Some(wanted) = self.services.get(service).map(|service| service.count as usize) else { return };
        let mut kept = 0;
        stop(&mut self.processes, |process| {
            kept += usize::from(process.service == service);
            process.service == service && kept > wanted
        });
        for _ in kept.min(wanted)..wanted {
            self.start(now, service);
        }
    }

    pub fn start(&mut self, now: Timestamp, service: &str) -> &mut Process {
        let id = self.ids.process(service, &self.release);
        let process = Process {
            app: self.name.clone(),
            command: String::new(),
            cpu: 0.02,
            gpu: 0,
            host: String::new(),
            image: format!("registry.demo.convox.local/{}:{service}", self.name),
            instance: "node-a".into(),
            memory: 0.11,
            name: service.into(),
            ports: Vec::new(),
            release: self.release.clone(),
            service: service.into(),
            started: now,
            status: "running",
            extra_env: BTreeMap::new(),
            files: BTreeMap::new(),
            one_off: false,
            stop: CancellationToken::new(),
            id,
        };
        self.processes.push_mut(process)
    }
}

/// Removes the processes that `doomed` picks among those of services, ending what runs in them.
fn stop(processes: &mut Vec<Process>, mut doomed: impl FnMut(&Process) -> bool) {
    processes.retain(|process| {
        let ends = !process.one_off && doomed(process);
        if ends {
            process.stop.cancel();
        }
        !ends
    });
}

#[cfg(test)]
mod tests {
    use super::super::model::{Build, Ids, ReleaseChange};
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_860_800_000_000);

    fn ids(app: &App) -> Vec<String> {
        app.processes.iter().map(|process| process.id.clone()).collect()
    }

    fn app() -> App {
        let mut app = App::new("shop", Ids::default());
        let manifest = "services:\n  web:\n    build: .\n  jobs:\n    build: .\n";
        app.builds.push(Build { id: "B1".into(), manifest: manifest.into(), ..Build::default() });
        let change =
            ReleaseChange { build: Some("B1".into()), env: Some("A=1".into()), ..Default::default() };
        let release = app.add_release(NOW, change);
        app.roll_out(NOW, &release);
        app
    }

    #[test]
    fn a_rollout_follows_the_manifest_and_replaces_processes() {
        let mut app = app();
        assert_eq!(app.services.keys().collect::<Vec<_>>(), ["jobs", "web"]);
        let before = ids(&app);
        let release = app.add_release(NOW, ReleaseChange::default());
        assert_eq!((release.env.as_str(), release.build.as_str()), ("A=1", "B1"));
        app.roll_out(NOW, &release);
        assert_eq!(app.processes.len(), 2);
        assert!(ids(&app).iter().all(|id| !before.contains(id)));
    }

    #[test]
    fn scaling_keeps_the_others_and_ends_what_goes() {
        let mut app = app();
        app.services.get_mut("web").unwrap().count = 3;
        app.fill(NOW, "web");
        assert_eq!(app.processes.iter().filter(|process| process.service == "web").count(), 3);
        let last = app.processes.last().unwrap().stop.clone();
        app.services.get_mut("web").unwrap().count = 1;
        app.fill(NOW, "web");
        assert_eq!(app.processes.len(), 2);
        assert!(last.is_cancelled());
    }

    #[test]
    fn one_off_processes_survive_a_restart() {
        let mut app = app();
        app.start(NOW, "web").one_off = true;
        app.restart(NOW, "web");
        assert_eq!(app.processes.iter().filter(|process| process.one_off).count(), 1);
        assert_eq!(app.processes.len(), 3);
    }
}
