//! Builds: made from an uploaded archive, from an image, or described by the client that made them.

use super::{
    archive::{self, Contents},
    call::Call,
    logs,
    model::{App, Build, ReleaseChange},
    reply::{self, Answer, Refusal},
    shared::Shared,
    socket,
};
use crate::core::Timestamp;
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use time::{PrimitiveDateTime, format_description::StaticFormatDescription, macros::format_description};

const LISTED: usize = 10;
const RUNNING: &str = "running";
const COMPLETE: &str = "complete";
const FAILED: &str = "failed";
/// How the CLI writes times into forms.
const FORM_TIME: StaticFormatDescription =
    format_description!("[year][month][day].[hour][minute][second].[subsecond]");

impl App {
    pub fn build(&self, id: &str) -> Result<&Build, Refusal> {
        self.builds.iter().find(|build| build.id == id).ok_or_else(|| Refusal::no_such("build", id))
    }

    fn build_mut(&mut self, id: &str) -> Result<&mut Build, Refusal> {
        self.builds.iter_mut().find(|build| build.id == id).ok_or_else(|| Refusal::no_such("build", id))
    }
}

pub async fn list(call: Call, app: &str) -> Answer {
    let limit = call.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LISTED);
    let world = call.world();
    reply::json(&world.app(app)?.builds.iter().rev().take(limit).collect::<Vec<_>>())
}

pub async fn get(call: Call, app: &str, id: &str) -> Answer {
    reply::json(call.world().app(app)?.build(id)?)
}

pub async fn create(mut call: Call, app: &str) -> Answer {
    let form = call.form().await?;
    let external = form.parsed::<bool>("external")?.unwrap_or(false);
    let url = if external { String::new() } else { form.required("url")? };
    let manifest_path = form.get("manifest").filter(|path| !path.is_empty());
    let now = call.now();
    let build = {
        let mut world = call.world();
        let app = world.app_mut(app)?;
        let id = app.ids.build();
        let build = Build {
            app: app.name.clone(),
            description: form.get("description").unwrap_or_default(),
            git_sha: form.get("git-sha").unwrap_or_default(),
            logs: format!("object://{}/build/{id}/logs", app.name),
            // Whoever builds outside pushes here, with the credentials in the address.
            repository: if external {
                format!("https://demo:demo-repository-password@registry.demo.convox.local/{}", app.name)
            } else {
                String::new()
            },
            status: RUNNING.into(),
            started: now,
            id,
            ..Build::default()
        };
        app.builds.push(build.clone());
        build
    };
    if !external {
        let job = Job {
            shared: call.shared.clone(),
            app: app.into(),
            id: build.id.clone(),
            url,
            manifest_path: manifest_path.unwrap_or_else(|| "convox.yml".into()),
        };
        call.shared.spawn(job.run());
    }
    reply::json(&build)
}

/// What the maker of an external build reports.
pub async fn update(mut call: Call, app: &str, id: &str) -> Answer {
    let form = call.form().await?;
    let time = |name: &str| {
        form.get(name).filter(|text| !text.is_empty()).map(|text| form_time(name, &text)).transpose()
    };
    let (started, ended) = (time("started")?, time("ended")?);
    let mut world = call.world();
    let build = world.app_mut(app)?.build_mut(id)?;
    for (name, field) in [
        ("entrypoint", &mut build.entrypoint),
        ("logs", &mut build.logs),
        ("manifest", &mut build.manifest),
        ("release", &mut build.release),
        ("status", &mut build.status),
    ] {
        if let Some(value) = form.get(name) {
            *field = value;
        }
    }
    build.started = started.unwrap_or(build.started);
    build.ended = ended.or(build.ended);
    let answer = reply::json(build);
    drop(world);
    call.shared.build_changed();
    answer
}

/// Takes an image that somebody else built, in the background.
pub async fn import_image(mut call: Call, app: &str, id: &str) -> Answer {
    let image = call.form().await?.required("image")?;
    call.world().app(app)?.build(id)?;
    let (shared, app, id) = (call.shared.clone(), app.to_owned(), id.to_owned());
    call.shared.spawn(async move {
        tokio::time::sleep(shared.step).await;
        let now = shared.now();
        if let Ok(build) = shared.world().app_mut(&app).and_then(|app| app.build_mut(&id)) {
            build.output.push_str(&format!("Imported {image}\n"));
            build.status = COMPLETE.into();
            build.ended = Some(now);
        }
        shared.build_changed();
    });
    Ok(reply::empty(StatusCode::ACCEPTED))
}

/// The build's log up to now and then as it grows, until the build is over.
pub fn logs(call: Call, app: &str, id: &str) -> Answer {
    let shared = call.shared.clone();
    let (app, id) = (app.to_owned(), id.to_owned());
    socket::accept(call, logs::TERMS, move |mut input, output| async move {
        let mut changes = shared.build_changes.subscribe();
        let mut sent = 0;
        loop {
            let state = shared.world().app(&app).and_then(|app| {
                let build = app.build(&id)?;
                Ok((build.output.get(sent..).unwrap_or_default().to_owned(), build.status != RUNNING))
            });
            let (fresh, over) = match state {
                Ok(state) => state,
                Err(refusal) => return output.fail(&refusal.to_string()).await,
            };
            if !fresh.is_empty() {
                output.text(fresh.as_bytes()).await?;
                sent += fresh.len();
            }
            if over {
                return output.end().await;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = input.told_to_end() => return output.end().await,
            }
        }
    })
}

/// One build in the background: reads the archive, as far as a rack without a container engine can build it.
struct Job {
    shared: Arc<Shared>,
    app: String,
    id: String,
    url: String,
    manifest_path: String,
}

impl Job {
    async fn run(self) {
        self.say(&format!("Reading {}", self.url));
        tokio::time::sleep(self.shared.step).await;
        let read = match self.source() {
            Ok(archive) => self.inspect(archive).await,
            Err(refusal) => Err(refusal.to_string()),
        };
        match read {
            Ok(contents) => self.complete(contents),
            Err(reason) => self.fail(&reason),
        }
    }

    fn source(&self) -> Result<Bytes, Refusal> {
        let unknown = || Refusal::no_such("object", &self.url);
        let (app, key) =
            self.url.strip_prefix("object://").and_then(|rest| rest.split_once('/')).ok_or_else(unknown)?;
        self.shared.world().app(app)?.objects.get(key).ok_or_else(unknown)?.content()
    }

    async fn inspect(&self, archive: Bytes) -> Result<Contents, String> {
        let path = archive::clean(&self.manifest_path);
        let work = move || archive::inspect(archive.as_ref(), &[&path]).map_err(|error| error.to_string());
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
    }

    fn complete(&self, contents: Contents) {
        for (path, size) in &contents.files {
            self.say(&format!("  {path} ({size} bytes)"));
        }
        self.say(&format!("{} files", contents.count));
        let manifest = contents.texts.into_iter().flatten().next();
        match &manifest {
            Some(text) => self.say(&format!("{}:\n{}", self.manifest_path, text.trim_end())),
            None => self.say(&format!("There is no {}: the services stay as they are", self.manifest_path)),
        }
        self.say("Build complete");
        let now = self.shared.now();
        self.change(|app| {
            let description = {
                let build = app.build_mut(&self.id)?;
                build.manifest = manifest.unwrap_or_default();
                build.status = COMPLETE.into();
                build.ended = Some(now);
                build.description.clone()
            };
            let change =
                ReleaseChange { build: Some(self.id.clone()), description, ..ReleaseChange::default() };
            let release = app.add_release(now, change);
            app.build_mut(&self.id)?.release = release.id;
            Ok(())
        });
    }

    fn fail(&self, reason: &str) {
        self.say(&format!("ERROR: {reason}"));
        let now = self.shared.now();
        self.change(|app| {
            let build = app.build_mut(&self.id)?;
            build.status = FAILED.into();
            build.reason = reason.into();
            build.ended = Some(now);
            Ok(())
        });
    }

    fn say(&self, line: &str) {
        self.change(|app| {
            let output = &mut app.build_mut(&self.id)?.output;
            output.push_str(line);
            output.push('\n');
            Ok(())
        });
    }

    /// An app that was deleted meanwhile has no builds to change.
    fn change(&self, change: impl FnOnce(&mut App) -> Result<(), Refusal>) {
        let _ = self.shared.world().app_mut(&self.app).and_then(change);
        self.shared.build_changed();
    }
}

fn form_time(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    let parsed = PrimitiveDateTime::parse(text, FORM_TIME);
    let at = parsed.map_err(|_| Refusal::Invalid(format!("invalid value for {name}: {text}")))?;
    Ok(Timestamp::from_micros((at.assume_utc().unix_timestamp_nanos() / 1_000) as i64))
}

/// Adds a build that another rack made, with a release for it.
pub fn imported(
    app: &mut App,
    now: Timestamp,
    described: &serde_json::Value,
    manifest: String,
    output: String,
) -> Build {
    let field =
        |name: &str| described.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let id = app.ids.build();
    let mut build = Build {
        app: app.name.clone(),
        description: field("description"),
        entrypoint: field("entrypoint"),
        git_sha: field("git-sha"),
        logs: format!("object://{}/build/{id}/logs", app.name),
        manifest,
        status: COMPLETE.into(),
        started: now,
        ended: Some(now),
        output,
        id,
        ..Build::default()
    };
    app.builds.push(build.clone());
    let change = ReleaseChange {
        build: Some(build.id.clone()),
        description: build.description.clone(),
        ..ReleaseChange::default()
    };
    build.release = app.add_release(now, change).id;
    if let Ok(stored) = app.build_mut(&build.id) {
        stored.release.clone_from(&build.release);
    }
    build
}

#[cfg(test)]
mod tests {
    use super::super::{
        archive,
        testing::{Client, until_end},
    };
    use super::form_time;
    use flate2::{Compression, write::GzEncoder};
    use serde_json::Value;
    use std::io::Write as _;

    async fn upload(client: &Client, files: &[(&str, &[u8])]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&archive::pack(files.iter().copied()).unwrap()).unwrap();
        let request =
            client.request("POST", "/apps/web/objects/tmp/source.tgz").body(encoder.finish().unwrap());
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        reply["Url"].as_str().unwrap().to_owned()
    }

    /// Builds from `url`, follows the log to its end and returns log and build.
    async fn build(client: &Client, url: &str) -> (String, Value) {
        let text = client.form_ok("POST", "/apps/web/builds", &[("url", url), ("git-sha", "1a29f39")]).await;
        let started: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(started["status"], "running");
        let path = format!("/apps/web/builds/{}", started["id"].as_str().unwrap());
        let mut socket = client.socket(&format!("{path}/logs"), &[]).await;
        let log = until_end(&mut socket).await.concat();
        (log, client.get(&path).await)
    }

    #[tokio::test]
    async fn upload_build_promote() {
        let client = Client::start().await;
        let before = client.process_ids("web").await;
        let manifest = b"services:\n  web:\n    build: .\n  mailer:\n    build: .\n".as_slice();
        let url = upload(&client, &[("convox.yml", manifest), ("app.rb", b"puts 1")]).await;
        let (log, build) = build(&client, &url).await;
        assert!(log.contains("  app.rb (6 bytes)\n2 files\n") && log.contains("mailer:"), "{log}");
        assert_eq!((&build["status"], &build["git-sha"]), (&"complete".into(), &"1a29f39".into()));

        let release = build["release"].as_str().unwrap();
        let created = client.get(&format!("/apps/web/releases/{release}")).await;
        assert!(created["env"].as_str().unwrap().contains("FOO=bar"), "a build keeps the environment");
        client.form_ok("POST", &format!("/apps/web/releases/{release}/promote"), &[]).await;
        let after = client.process_ids("web").await;
        assert!(after.iter().all(|id| !before.contains(id)));
        assert!(after.iter().any(|id| id.starts_with("mailer-")) && after.len() == 3, "{after:?}");
    }

    #[tokio::test]
    async fn builds_without_a_readable_archive_fail() {
        let client = Client::start().await;
        client.request("POST", "/apps/web/objects/tmp/bad.tgz").body("not gzip").send().await.unwrap();
        for (url, reason) in [
            ("object://web/tmp/bad.tgz", "the archive is not a gzipped tar"),
            ("object://web/tmp/missing.tgz", "no such object: object://web/tmp/missing.tgz"),
            ("https://example.org/x.tgz", "no such object"),
            ("object://nope/x", "app not found: nope"),
        ] {
            let (log, build) = build(&client, url).await;
            assert_eq!(build["status"], "failed");
            assert!(build["reason"].as_str().unwrap().starts_with(reason), "{build}");
            assert!(log.contains(&format!("ERROR: {reason}")), "{log}");
        }
        assert_eq!(client.form("POST", "/apps/web/builds", &[]).await.status(), 400);
    }

    #[tokio::test]
    async fn external_builds_are_described_by_their_maker() {
        let client = Client::start().await;
        let text = client.form_ok("POST", "/apps/web/builds", &[("external", "true")]).await;
        let build: Value = serde_json::from_str(&text).unwrap();
        assert!(build["repository"].as_str().unwrap().starts_with("https://demo:"));
        let path = format!("/apps/web/builds/{}", build["id"].as_str().unwrap());
        let image = client.form("POST", &format!("{path}/image"), &[("image", "a/b:1")]).await;
        assert_eq!(image.status(), 202);
        assert_eq!(image.bytes().await.unwrap().len(), 0);
        let fields =
            [("manifest", "services:\n"), ("status", "complete"), ("ended", "20260131.120000.000000000")];
        client.form_ok("PUT", &path, &fields).await;
        let build = client.get(&path).await;
        assert_eq!(
            (&build["ended"], &build["status"]),
            (&"2026-01-31T12:00:00.000000Z".into(), &"complete".into())
        );
        assert!(form_time("ended", "yesterday").is_err());
    }
}
