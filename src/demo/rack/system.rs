//! The rack itself: parameters, capacity, tokens.

use super::{
    auth::{self, Role},
    call::Call,
    reply::{self, Answer, Refusal},
    world::Token,
};
use crate::core::Secret;
use rand::Rng as _;
use serde_json::json;
use std::time::Duration;

const HOURS: std::ops::RangeInclusive<u64> = 1..=8760;

pub async fn get(call: Call) -> Answer {
    reply::json(&call.world().system)
}

pub async fn update(mut call: Call) -> Answer {
    let form = call.form().await?;
    let count = form.parsed("count")?;
    let mut world = call.world();
    let system = &mut world.system;
    system.count = count.unwrap_or(system.count);
    system.parameters.extend(form.map("parameters").unwrap_or_default());
    for (name, field) in [("type", &mut system.kind), ("version", &mut system.version)] {
        if let Some(value) = form.get(name).filter(|value| !value.is_empty()) {
            *field = value;
        }
    }
    reply::ok()
}

pub async fn capacity(call: Call) -> Answer {
    let world = call.world();
    let processes: usize = world.apps.values().map(|app| app.processes.len()).sum();
    let nodes = world.instances.len();
    reply::json(&json!({
        "cluster-cpu": nodes * 4000,
        "cluster-gpu": 0,
        "cluster-memory": nodes * 16384,
        "process-count": processes,
        "process-cpu": processes * 256,
        "process-gpu": 0,
        "process-memory": processes * 512,
    }))
}

/// The rack's own processes; with `all=true` also those of the apps.
pub async fn processes(call: Call) -> Answer {
    let all = call.query("all").is_some_and(|all| all == "true");
    let now = call.now();
    let world = call.world();
    let own = json!({
        "id": "api-7c4b-rackx", "app": "system", "command": "", "cpu": 0.01, "gpu": 0, "host": "", "image": "demo",
        "instance": "node-a", "memory": 0.05, "name": "api", "ports": [], "release": world.system.version,
        "service": "api", "started": now, "status": "running",
    });
    let of_apps = world.apps.values().flat_map(|app| &app.processes).filter(|_| all);
    let of_apps =
        of_apps.map(serde_json::to_value).collect::<Result<Vec<_>, _>>().map_err(Refusal::Encode)?;
    reply::json(&[vec![own], of_apps].concat())
}

pub async fn releases(call: Call) -> Answer {
    let now = call.now();
    let world = call.world();
    reply::json(&[json!({
        "id": world.system.version, "app": "system", "build": "", "env": "", "manifest": "",
        "description": "demo rack", "created": now,
    })])
}

/// Makes a token for the user `jwt`.
pub async fn make_token(mut call: Call) -> Answer {
    auth::require(call.grant, Role::Admin)?;
    let form = call.form().await?;
    let role = form.required("role")?;
    let role =
        Role::parse(&role).ok_or_else(|| Refusal::Invalid("role must be read, write or admin".into()))?;
    let hours = form.required("durationInHour")?.parse().ok().filter(|hours| HOURS.contains(hours));
    let hours =
        hours.ok_or_else(|| Refusal::Invalid("durationInHour must be a number from 1 to 8760".into()))?;

    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    let text = format!("demo.{}", hex::encode(random));
    let expires = call.now().saturating_add(Duration::from_secs(hours * 60 * 60));
    call.world().tokens.push(Token { secret: Secret::new(text.clone()), role, expires });
    reply::json(&json!({"token": text}))
}

/// Ends all tokens.
pub async fn rotate_tokens(call: Call) -> Answer {
    auth::require(call.grant, Role::Admin)?;
    call.world().tokens.clear();
    reply::ok()
}

/// Takes note of an event, of which this rack has no subscribers to tell.
pub async fn event(mut call: Call) -> Answer {
    call.form().await?.required("action")?;
    reply::ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, until_end};
    use serde_json::Value;

    async fn token(client: &Client, role: &str) -> String {
        let fields = [("role", role), ("durationInHour", "1")];
        let text = client.form_ok("POST", "/system/jwt/token", &fields).await;
        serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_owned()
    }

    async fn status(client: &Client, token: &str, method: &str, path: &str) -> u16 {
        let url = format!("{}{path}", client.rack.url());
        let request = reqwest::Client::new().request(method.parse().unwrap(), url);
        request.basic_auth("jwt", Some(token)).send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn parameters_and_counts() {
        let client = Client::start().await;
        client
            .form_ok("PUT", "/system", &[("count", "5"), ("parameters", "a=1"), ("version", "3.25.0")])
            .await;
        let system = client.get("/system").await;
        assert_eq!((&system["count"], &system["parameters"]["a"]), (&5.into(), &"1".into()));
        assert_eq!(system["version"], "3.25.0");
        assert_eq!(client.get("/system/capacity").await["process-count"], 4);
        assert_eq!(client.get("/system/processes?all=true").await.as_array().unwrap().len(), 5);
        assert_eq!(client.get("/system/releases").await[0]["id"], "3.25.0");
        let mut socket = client.socket("/system/logs", &[("follow", "false"), ("since", "1m")]).await;
        assert!(!until_end(&mut socket).await.is_empty());
    }

    #[tokio::test]
    async fn tokens_have_roles() {
        let client = Client::start().await;
        let reader = token(&client, "read").await;
        assert_eq!(status(&client, &reader, "GET", "/apps").await, 200);
        for (method, path) in [("POST", "/apps"), ("OPTIONS", "/resources"), ("HEAD", "/apps/web/objects/x")]
        {
            assert_eq!(status(&client, &reader, method, path).await, 401, "{method} {path}");
        }
        let (mut exec, mut logs) = (
            client
                .socket_as(("jwt", &reader), "/apps/web/processes/worker/exec", &[("command", "true")])
                .await,
            client.socket_as(("jwt", &reader), "/apps/web/logs", &[("follow", "false"), ("tail", "1")]).await,
        );
        assert_eq!(until_end(&mut exec).await, ["ERROR: you are unauthorized to access this\n"]);
        assert!(!until_end(&mut logs).await.concat().contains("ERROR"));
        let writer = token(&client, "write").await;
        assert_eq!(status(&client, &writer, "OPTIONS", "/resources").await, 200);
        assert_eq!(status(&client, &writer, "PUT", "/system/jwt/rotate").await, 401);
        client.form_ok("PUT", "/system/jwt/rotate", &[]).await;
        assert_eq!(status(&client, &writer, "GET", "/apps").await, 401);
    }

    #[tokio::test]
    async fn headers_alone_make_a_token_which_a_gateway_must_prevent() {
        let client = Client::start().await;
        let request = client.request("POST", "/system/jwt/token").header("Role", "admin");
        assert_eq!(request.header("durationInHour", "1").send().await.unwrap().status(), 200);
        for hours in ["0", "8761", "x"] {
            let fields = [("role", "read"), ("durationInHour", hours)];
            assert_eq!(client.form("POST", "/system/jwt/token", &fields).await.status(), 400, "{hours}");
        }
    }
}
