//! Processes: listing, stopping, and `run`.

use super::{
    call::Call,
    model::{App, Process},
    reply::{self, Answer, Refusal},
    shell::{Shell, Stdio},
};
use std::collections::BTreeMap;

pub async fn list(call: Call, app: &str) -> Answer {
    let (service, release) = (call.query("service"), call.query("release"));
    let matches = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let world = call.world();
    let processes = world.app(app)?.processes.iter();
    let chosen = processes.filter(|it| matches(&service, &it.service) && matches(&release, &it.release));
    reply::json(&chosen.collect::<Vec<_>>())
}

pub async fn get(call: Call, app: &str, pid: &str) -> Answer {
    reply::json(call.world().app(app)?.process(pid)?)
}

pub async fn stop(call: Call, app: &str, pid: &str) -> Answer {
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(app)?;
    let process = app.process(pid)?;
    process.stop.cancel();
    let service = process.service.clone();
    app.processes.retain(|process| process.id != pid);
    app.log(now, format!("system/process stopped {pid}"));
    // A stopped process of a service is replaced, as a cluster would.
    app.fill(now, &service);
    reply::ok()
}

/// Starts a one-off process. What to run comes in headers; the process goes away when the command ends.
pub async fn run(call: Call, app: &str, service: &str) -> Answer {
    let started = start(&call, app, service)?;
    let answer = reply::json(&started);
    let shared = call.shared.clone();
    let shell = call.world().app(app).map(|app| shell(app, &started));
    let app = app.to_owned();
    call.shared.spawn(async move {
        if let Ok(mut shell) = shell {
            tokio::select! {
                _ = shell.run(&started.command) => {}
                () = started.stop.cancelled() => {}
            }
        }
        if let Ok(app) = shared.world().app_mut(&app) {
            app.processes.retain(|process| process.id != started.id);
        }
    });
    answer
}

fn start(call: &Call, app: &str, service: &str) -> Result<Process, Refusal> {
    let number = |name: &str| -> Result<Option<f64>, Refusal> {
        let Some(text) = call.header(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let value =
            text.parse().map_err(|_| Refusal::Invalid(format!("invalid value for {name}: {text}")))?;
        Ok(Some(value))
    };
    let (cpu, memory) = (number("Cpu")?, number("Memory")?);
    let release = call.header("Release").filter(|release| !release.is_empty());
    let extra_env = call.header("Environment").unwrap_or_default();
    let now = call.now();

    let mut world = call.world();
    let app = world.app_mut(app)?;
    app.service_mut(service)?;
    if let Some(release) = &release {
        app.release(release)?;
    }
    let process = app.start(now, service);
    process.one_off = true;
    process.command = call.header("Command").unwrap_or_default();
    process.extra_env = form_urlencoded::parse(extra_env.as_bytes()).into_owned().collect();
    process.release = release.unwrap_or_else(|| process.release.clone());
    process.image = call.header("Image").unwrap_or_else(|| process.image.clone());
    process.cpu = cpu.unwrap_or(process.cpu);
    process.memory = memory.unwrap_or(process.memory);
    Ok(process.clone())
}

/// A shell as it looks from inside `process`, not connected to anything yet.
pub fn shell(app: &App, process: &Process) -> Shell {
    let env = app.release(&process.release).map(|release| release.env.as_str()).unwrap_or_default();
    let mut env: BTreeMap<String, String> = env
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    env.extend(process.extra_env.clone());
    env.extend(
        [("APP", &app.name), ("RELEASE", &process.release), ("SERVICE", &process.service)]
            .map(|(name, value)| (name.to_owned(), value.clone())),
    );
    Shell { env, files: process.files.clone(), stdio: Stdio::Nothing }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;
    use serde_json::Value;
    use std::time::Duration;

    async fn run(client: &Client, command: &str) -> Value {
        let request = client.request("POST", "/apps/web/services/web/processes").header("command", command);
        let response = request.header("environment", "EXTRA=a%26b").header("cpu", "10").send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    #[tokio::test]
    async fn list_get_stop() {
        let client = Client::start().await;
        let listed = client.get("/apps/web/processes?service=web").await;
        assert_eq!(listed.as_array().unwrap().len(), 2);
        let process = client.get("/apps/web/processes/web-6f9d-abcde").await;
        assert_eq!((&process["service"], &process["status"]), (&"web".into(), &"running".into()));
        client.form_ok("DELETE", "/apps/web/processes/web-6f9d-abcde", &[]).await;
        let ids = client.process_ids("web").await;
        assert!(ids.len() == 3 && !ids.contains(&"web-6f9d-abcde".to_owned()), "{ids:?}");
        let gone = client.request("GET", "/apps/web/processes/web-6f9d-abcde").send().await.unwrap();
        assert_eq!(gone.text().await.unwrap(), "no such process: web-6f9d-abcde\n");
    }

    #[tokio::test]
    async fn a_run_goes_away_when_its_command_ends() {
        let client = Client::start().await;
        let short = run(&client, "echo hi").await;
        assert_eq!((&short["command"], &short["cpu"]), (&"echo hi".into(), &10.0.into()));
        let long = run(&client, "sleep 3600").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let ids = client.process_ids("web").await;
        let (short, long) = (short["id"].as_str().unwrap(), long["id"].as_str().unwrap());
        assert!(!ids.iter().any(|id| id == short) && ids.iter().any(|id| id == long));

        let env = client.exec(&format!("/apps/web/processes/{long}/exec"), "env").await;
        assert!(env.contains("EXTRA=a&b\n") && env.contains("FOO=bar\n"), "{env}");
        client.form_ok("DELETE", &format!("/apps/web/processes/{long}"), &[]).await;
        assert_eq!(client.process_ids("web").await.len(), 3);
    }
}
