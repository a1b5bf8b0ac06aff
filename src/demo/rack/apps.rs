//! Apps: create, change, restart, delete.

use super::{
    call::Call,
    model::App,
    reply::{self, Answer, Refusal},
};

pub async fn list(call: Call) -> Answer {
    reply::json(&call.world().apps.values().collect::<Vec<_>>())
}

pub async fn get(call: Call, name: &str) -> Answer {
    reply::json(call.world().app(name)?)
}

pub async fn create(mut call: Call) -> Answer {
    let form = call.form().await?;
    let name = form.required("name")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 63 || name.starts_with('-') || !name.chars().all(fits) {
        return Err(Refusal::Invalid(
            "app name must be lower-case letters, digits and dashes, at most 63".into(),
        ));
    }
    let now = call.now();
    let mut world = call.world();
    if world.apps.contains_key(&name) {
        return Err(Refusal::Conflict(format!("app already exists: {name}")));
    }
    let mut app = App::new(&name, world.ids.clone());
    app.generation = form.get("generation").filter(|it| !it.is_empty()).unwrap_or(app.generation);
    app.log(now, "system/app created");
    let answer = reply::json(&app);
    world.apps.insert(name, app);
    answer
}

pub async fn update(mut call: Call, name: &str) -> Answer {
    let form = call.form().await?;
    let lock = form.parsed::<bool>("lock")?;
    let mut world = call.world();
    let app = world.app_mut(name)?;
    app.locked = lock.unwrap_or(app.locked);
    app.parameters.extend(form.map("parameters").unwrap_or_default());
    reply::ok()
}

pub async fn delete(call: Call, name: &str) -> Answer {
    let mut world = call.world();
    if world.app(name)?.locked {
        return Err(Refusal::Forbidden(format!("app is locked: {name}")));
    }
    if let Some(app) = world.apps.remove(name) {
        app.processes.iter().for_each(|process| process.stop.cancel());
    }
    reply::ok()
}

pub async fn restart(call: Call, name: &str) -> Answer {
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(name)?;
    for service in app.services.keys().cloned().collect::<Vec<_>>() {
        app.restart(now, &service);
    }
    app.log(now, "system/app restarted");
    reply::ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn create_change_lock_delete() {
        let client = Client::start().await;
        client.form_ok("POST", "/apps", &[("name", "shop")]).await;
        assert_eq!(client.form("POST", "/apps", &[("name", "shop")]).await.status(), 409);
        assert_eq!(client.form("POST", "/apps", &[("name", "a/b")]).await.status(), 400);
        let changed =
            client.form_ok("PUT", "/apps/shop", &[("lock", "true"), ("parameters", "A=1%26&B=2")]).await;
        assert_eq!(changed, "ok\n");
        let app = client.get("/apps/shop").await;
        assert_eq!((&app["locked"], &app["parameters"]["A"]), (&true.into(), &"1&".into()));
        assert_eq!(client.form("DELETE", "/apps/shop", &[]).await.status(), 403);
        client.form_ok("PUT", "/apps/shop", &[("lock", "false")]).await;
        client.form_ok("DELETE", "/apps/shop", &[]).await;
        let gone = client.request("GET", "/apps/shop").send().await.unwrap();
        assert_eq!(
            (gone.status().as_u16(), gone.text().await.unwrap().as_str()),
            (404, "app not found: shop\n")
        );
    }

    #[tokio::test]
    async fn named_fields_come_from_anywhere_and_the_first_wins() {
        let client = Client::start().await;
        let by_header = client.request("POST", "/apps").header("name", "from-header");
        assert_eq!(by_header.send().await.unwrap().status(), 200);
        client.form_ok("POST", "/apps?name=from-query", &[("name", "from-body")]).await;
        client.form_ok("POST", "/apps?name=from-query", &[]).await;
        let apps = client.get("/apps").await;
        let names: Vec<_> =
            apps.as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["api", "from-body", "from-header", "from-query", "web"]);
    }

    #[tokio::test]
    async fn restart_replaces_all_processes() {
        let client = Client::start().await;
        let before = client.process_ids("web").await;
        client.form_ok("POST", "/apps/web/restart", &[]).await;
        let after = client.process_ids("web").await;
        assert_eq!(after.len(), 3);
        assert!(after.iter().all(|id| !before.contains(id)));
    }
}
