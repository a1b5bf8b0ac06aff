//! Databases and the like: those of an app, and those of the rack that apps are linked to.

use super::{
    auth::Role,
    call::Call,
    model::{LinkedApp, Resource},
    reply::{self, Answer, Refusal},
    socket::{self, Pings, Terms},
    world::World,
};
use bytes::Bytes;
use serde_json::json;

const CONSOLE: Terms = Terms { needs: Role::Write, pings: Pings::Answered };
const KINDS: [&str; 6] = ["mariadb", "memcached", "mysql", "postgis", "postgres", "redis"];

impl World {
    fn resource_mut(&mut self, name: &str) -> Result<&mut Resource, Refusal> {
        self.resources.get_mut(name).ok_or_else(|| Refusal::no_such("resource", name))
    }

    fn of_app(&self, app: &str, name: &str) -> Result<&Resource, Refusal> {
        self.app(app)?.resources.get(name).ok_or_else(|| Refusal::no_such("resource", name))
    }
}

pub async fn list_of_app(call: Call, app: &str) -> Answer {
    reply::json(&call.world().app(app)?.resources.values().collect::<Vec<_>>())
}

pub async fn get_of_app(call: Call, app: &str, name: &str) -> Answer {
    reply::json(call.world().of_app(app, name)?)
}

/// What was imported last, or a word on a database that is still empty.
pub async fn export(call: Call, app: &str, name: &str) -> Answer {
    let world = call.world();
    world.of_app(app, name)?;
    match world.app(app)?.data.get(name) {
        Some(blob) => blob.download(),
        None => reply::chunked(Bytes::from(format!("-- demo rack: {name} is empty\n"))),
    }
}

pub async fn import(call: Call, app: &str, name: &str) -> Answer {
    call.world().of_app(app, name)?;
    let blob = call.shared.shelf.receive(call.body).await?;
    call.shared.world().app_mut(app)?.data.insert(name.into(), blob);
    reply::ok()
}

/// Gives back what it gets. Ends without an exit marker.
pub fn console(call: Call, app: &str, name: &str) -> Answer {
    let found = call.world().of_app(app, name).map(|_| ());
    socket::accept(call, CONSOLE, async move |mut input, output| {
        if let Err(refusal) = found {
            return output.fail(&refusal.to_string()).await;
        }
        while let Some(data) = input.next().await {
            output.text(&data).await?;
        }
        output.end().await
    })
}

pub async fn list(call: Call) -> Answer {
    reply::json(&call.world().resources.values().collect::<Vec<_>>())
}

pub async fn get(call: Call, name: &str) -> Answer {
    reply::json(call.world().resource_mut(name)?)
}

/// The kinds of resources: the one answer to OPTIONS in the whole API.
pub async fn kinds(_call: Call) -> Answer {
    let parameter = json!({"name": "Size", "default": "10", "description": "storage in GB"});
    reply::json(&KINDS.map(|name| json!({"name": name, "parameters": [parameter]})))
}

pub async fn create(mut call: Call) -> Answer {
    let form = call.form().await?;
    let kind = form.required("kind")?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(Refusal::Invalid(format!("unknown kind of resource: {kind}")));
    }
    let mut world = call.world();
    let name = form.named("name").filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("{kind}-{:04x}", world.ids.serial()));
    if world.resources.contains_key(&name) {
        return Err(Refusal::Conflict(format!("resource already exists: {name}")));
    }
    let resource = Resource {
        parameters: form.map("parameters").unwrap_or_default(),
        status: "running".into(),
        url: format!("{kind}://app:demo-{name}-password@{name}.demo.convox.local/app"),
        apps: Vec::new(),
        kind,
        name,
    };
    let answer = reply::json(&resource);
    world.resources.insert(resource.name.clone(), resource);
    answer
}

pub async fn update(mut call: Call, name: &str) -> Answer {
    let parameters = call.form().await?.map("parameters").unwrap_or_default();
    let mut world = call.world();
    let resource = world.resource_mut(name)?;
    resource.parameters.extend(parameters);
    reply::json(resource)
}

pub async fn delete(call: Call, name: &str) -> Answer {
    let mut world = call.world();
    if let Some(app) = world.resource_mut(name)?.apps.first() {
        return Err(Refusal::Conflict(format!("resource is linked to app: {}", app.name)));
    }
    world.resources.remove(name);
    reply::ok()
}

pub async fn link(mut call: Call, name: &str) -> Answer {
    let app = call.form().await?.required("app")?;
    let mut world = call.world();
    world.app(&app)?;
    let resource = world.resource_mut(name)?;
    if resource.apps.iter().all(|linked| linked.name != app) {
        resource.apps.push(LinkedApp { name: app });
    }
    reply::json(resource)
}

pub async fn unlink(call: Call, name: &str, app: &str) -> Answer {
    let mut world = call.world();
    let resource = world.resource_mut(name)?;
    resource.apps.retain(|linked| linked.name != app);
    reply::json(resource)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, until_end};
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message;

    const DATABASE: &str = "/apps/web/resources/database";

    #[tokio::test]
    async fn data_goes_in_and_out() {
        let client = Client::start().await;
        assert!(client.get(DATABASE).await["url"].as_str().unwrap().contains("demo-database-password"));
        let data = super::super::noise(100_000);
        client.request("PUT", &format!("{DATABASE}/data")).body(data.clone()).send().await.unwrap();
        let export = client.request("GET", &format!("{DATABASE}/data")).send().await.unwrap();
        assert_eq!(export.bytes().await.unwrap(), data);
        let missing = client.request("GET", "/apps/web/resources/none/data").send().await.unwrap();
        assert_eq!(missing.text().await.unwrap(), "no such resource: none\n");
    }

    #[tokio::test]
    async fn the_console_echoes_and_ends_without_a_marker() {
        let client = Client::start().await;
        let mut socket = client.socket(&format!("{DATABASE}/console"), &[]).await;
        socket.send(Message::text("select 1;")).await.unwrap();
        socket.send(Message::binary(Vec::new())).await.unwrap();
        assert_eq!(until_end(&mut socket).await, ["select 1;"]);
    }

    #[tokio::test]
    async fn options_lists_the_kinds() {
        let client = Client::start().await;
        let kinds = client.request("OPTIONS", "/resources").send().await.unwrap();
        let kinds: serde_json::Value = kinds.json().await.unwrap();
        assert_eq!(kinds[4]["name"], "postgres");
    }

    #[tokio::test]
    async fn rack_resources_are_made_linked_and_removed() {
        let client = Client::start().await;
        client
            .form_ok("POST", "/resources", &[("kind", "redis"), ("name", "queue"), ("parameters", "Size=5")])
            .await;
        assert_eq!(client.form("POST", "/resources", &[("kind", "oracle")]).await.status(), 400);
        client.form_ok("POST", "/resources/queue/links", &[("app", "api")]).await;
        assert_eq!(client.get("/resources/queue").await["apps"][0]["name"], "api");
        assert_eq!(client.form("DELETE", "/resources/queue", &[]).await.status(), 409);
        client.form_ok("DELETE", "/resources/queue/links/api", &[]).await;
        client.form_ok("PUT", "/resources/queue", &[("parameters", "Size=6")]).await;
        assert_eq!(client.get("/resources/queue").await["parameters"]["Size"], "6");
        client.form_ok("DELETE", "/resources/queue", &[]).await;
        assert_eq!(client.get("/resources").await.as_array().unwrap().len(), 1);
    }
}
