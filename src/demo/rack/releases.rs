//! Releases, which hold the environment, and their promotion.

use super::{
    call::Call,
    model::{AppStatus, ReleaseChange},
    reply::{self, Answer, Refusal},
    shared::Shared,
};
use std::sync::Arc;
use tokio::sync::oneshot;

const LISTED: usize = 10;

pub async fn list(call: Call, app: &str) -> Answer {
    let limit = call.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LISTED);
    let world = call.world();
    reply::json(&world.app(app)?.releases.iter().rev().take(limit).collect::<Vec<_>>())
}

pub async fn get(call: Call, app: &str, id: &str) -> Answer {
    reply::json(call.world().app(app)?.release(id)?)
}

pub async fn create(mut call: Call, app: &str) -> Answer {
    let form = call.form().await?;
    let given = |name: &str| form.get(name).filter(|value| !value.is_empty());
    let change = ReleaseChange {
        parent: given("parent-release"),
        build: given("build"),
        // An empty environment is one, too: the last variable may be unset.
        env: form.get("env"),
        description: form.get("description").unwrap_or_default(),
    };
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(app)?;
    if let Some(parent) = &change.parent {
        app.release(parent)?;
    }
    if let Some(build) = change.build.as_ref().filter(|id| app.builds.iter().all(|build| build.id != **id)) {
        return Err(Refusal::no_such("build", build));
    }
    reply::json(&app.add_release(now, change))
}

/// Rolls a release out. Long and silent, as on a real cluster, and not ended by a client that hangs up.
pub async fn promote(call: Call, app: &str, id: &str) -> Answer {
    let rollout = {
        let now = call.now();
        let mut world = call.world();
        let app = world.app_mut(app)?;
        app.release(id)?;
        if app.status == AppStatus::Updating {
            return Err(Refusal::Conflict(format!("app is currently updating: {}", app.name)));
        }
        app.status = AppStatus::Updating;
        app.rollout += 1;
        app.log(now, format!("system/rollout promoting {id}"));
        app.rollout
    };
    let (done, finished) = oneshot::channel();
    let (shared, app, id) = (call.shared.clone(), app.to_owned(), id.to_owned());
    call.shared.spawn(async move {
        tokio::time::sleep(shared.step).await;
        let _ = done.send(finish(&shared, &app, &id, rollout));
    });
    match finished.await {
        Ok(result) => result.and_then(|()| reply::ok()),
        Err(_) => Err(Refusal::Conflict("the rack is stopping".into())),
    }
}

fn finish(shared: &Arc<Shared>, app: &str, id: &str, rollout: u64) -> Result<(), Refusal> {
    let now = shared.now();
    let mut world = shared.world();
    let app = world.app_mut(app)?;
    if app.rollout != rollout {
        return Err(Refusal::Conflict(format!("promotion of {id} was cancelled")));
    }
    let release = app.release(id)?.clone();
    app.roll_out(now, &release);
    app.status = AppStatus::Running;
    app.log(now, format!("system/rollout {id} is running"));
    Ok(())
}

/// Stops a rollout: the app goes on with the release it has.
pub async fn cancel(call: Call, app: &str) -> Answer {
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(app)?;
    if app.status != AppStatus::Updating {
        return Err(Refusal::Forbidden(format!("app is not updating: {}", app.name)));
    }
    app.rollout += 1;
    app.status = AppStatus::Running;
    app.log(now, "system/rollout cancelled");
    reply::ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;
    use serde_json::Value;
    use std::time::Duration;

    async fn new_release(client: &Client, env: &str) -> Value {
        let text = client.form_ok("POST", "/apps/web/releases", &[("env", env)]).await;
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn setting_the_environment_makes_a_release() {
        let client = Client::start().await;
        let latest = client.get("/apps/web/releases?limit=1").await;
        assert_eq!(latest.as_array().unwrap().len(), 1);
        let env = format!("A=x y&z\n{}", latest[0]["env"].as_str().unwrap());
        let release = new_release(&client, &env).await;
        assert_eq!((&release["env"], &release["build"]), (&env.clone().into(), &latest[0]["build"]));
        let id = release["id"].as_str().unwrap();
        assert_eq!(client.get(&format!("/apps/web/releases/{id}")).await["env"], env);
        assert_eq!(new_release(&client, "").await["env"], "");
        assert_eq!(client.form("POST", "/apps/web/releases", &[("build", "B9")]).await.status(), 404);
    }

    #[tokio::test]
    async fn promote_takes_its_time_and_replaces_processes() {
        let client = Client::start().await;
        let before = client.process_ids("web").await;
        let id = new_release(&client, "A=1").await["id"].as_str().unwrap().to_owned();
        let path = format!("/apps/web/releases/{id}/promote");
        let watch = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            client.get("/apps/web").await["status"].clone()
        };
        let (promoted, status) = tokio::join!(client.form_ok("POST", &path, &[("force", "false")]), watch);
        assert_eq!((promoted.as_str(), status), ("ok\n", "updating".into()));
        let app = client.get("/apps/web").await;
        assert_eq!((&app["status"], &app["release"]), (&"running".into(), &id.into()));
        let after = client.process_ids("web").await;
        assert!(after.len() == 3 && after.iter().all(|id| !before.contains(id)));
    }

    #[tokio::test]
    async fn a_promotion_outlives_its_client() {
        let client = Client::start().await;
        let id = new_release(&client, "A=1").await["id"].as_str().unwrap().to_owned();
        let path = format!("/apps/web/releases/{id}/promote");
        let hasty = client.request("POST", &path).timeout(Duration::from_millis(15)).send().await;
        assert!(hasty.unwrap_err().is_timeout());
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(client.get("/apps/web").await["release"], id);
    }

    #[tokio::test]
    async fn cancel_stops_a_promotion_and_nothing_else() {
        let client = Client::start().await;
        assert_eq!(client.form("POST", "/apps/web/cancel", &[]).await.status(), 403);
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            client.form_ok("POST", "/apps/web/cancel", &[]).await
        };
        let promote = client.form("POST", "/apps/web/releases/R000000001/promote", &[]);
        let (promoted, _) = tokio::join!(promote, cancel);
        assert_eq!(promoted.status(), 409);
        assert_eq!(client.get("/apps/web").await["release"], "R000000003");
    }
}
