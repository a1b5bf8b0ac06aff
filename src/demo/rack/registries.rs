//! Credentials for image registries. A server may be an URL, which then stands in the path with all its slashes.

use super::{
    call::Call,
    reply::{self, Answer, Refusal},
    world::Registry,
};

pub async fn list(call: Call) -> Answer {
    reply::json(&call.world().registries)
}

pub async fn add(mut call: Call) -> Answer {
    let form = call.form().await?;
    let registry = Registry {
        server: form.required("server")?,
        username: form.named("username").unwrap_or_default(),
        password: form.named("password").unwrap_or_default(),
    };
    let mut world = call.world();
    world.registries.retain(|known| known.server != registry.server);
    let answer = reply::json(&registry);
    world.registries.push(registry);
    answer
}

pub async fn remove(call: Call, server: String) -> Answer {
    let mut world = call.world();
    let before = world.registries.len();
    world.registries.retain(|known| known.server != server);
    if world.registries.len() == before { Err(Refusal::no_such("registry", server)) } else { reply::ok() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn servers_may_be_urls() {
        let client = Client::start().await;
        let server = "https://index.docker.io/v1/";
        client
            .form_ok("POST", "/registries", &[("server", server), ("username", "u"), ("password", "p")])
            .await;
        assert_eq!(client.get("/registries").await[1]["server"], server);
        client.form_ok("DELETE", &format!("/registries/{server}"), &[]).await;
        assert_eq!(client.get("/registries").await.as_array().unwrap().len(), 1);
        assert_eq!(client.form("DELETE", &format!("/registries/{server}"), &[]).await.status(), 404);
    }
}
