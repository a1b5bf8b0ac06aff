//! Certificates, as far as names and dates go: the demo rack signs nothing.

use super::{
    call::Call,
    reply::{self, Answer, Refusal},
    world::Certificate,
};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use std::{io, time::Duration};

const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const LARGEST_CONFIG: usize = 1024 * 1024;

pub async fn list(call: Call) -> Answer {
    reply::json(&call.world().certificates)
}

pub async fn import(mut call: Call) -> Answer {
    let form = call.form().await?;
    form.required("pub")?;
    form.required("key")?;
    add(&call, vec!["imported.demo.convox.local".into()])
}

pub async fn generate(mut call: Call) -> Answer {
    let domains = call.form().await?.required("domains")?;
    add(&call, domains.split(',').map(str::to_owned).collect())
}

fn add(call: &Call, domains: Vec<String>) -> Answer {
    let expiration = call.now().saturating_add(LIFETIME);
    let mut world = call.world();
    let certificate = Certificate {
        id: format!("cert-{:06x}", world.ids.serial()),
        domain: domains.first().cloned().unwrap_or_default(),
        domains,
        expiration,
        status: "issued".into(),
    };
    let answer = reply::json(&certificate);
    world.certificates.push(certificate);
    answer
}

/// Renews the certificates of an app, which need no renewal here.
pub async fn renew(call: Call, app: &str) -> Answer {
    call.world().app(app)?;
    reply::ok()
}

pub async fn delete(call: Call, id: &str) -> Answer {
    let mut world = call.world();
    let at = world.certificates.iter().position(|known| known.id == id);
    let at = at.ok_or_else(|| Refusal::no_such("certificate", id))?;
    world.certificates.remove(at);
    reply::ok()
}

pub async fn letsencrypt(call: Call) -> Answer {
    reply::json(&call.world().letsencrypt)
}

/// The one call with a JSON body.
pub async fn set_letsencrypt(mut call: Call) -> Answer {
    let body = Limited::new(&mut call.body, LARGEST_CONFIG).collect().await;
    let body = body.map_err(|error| Refusal::Body(io::Error::other(error)))?.to_bytes();
    let config: Value = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Invalid(format!("the configuration must be JSON: {error}")))?;
    call.world().letsencrypt = config;
    reply::ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn generate_import_delete() {
        let client = Client::start().await;
        client.form_ok("POST", "/certificates/generate", &[("domains", "a.test,b.test")]).await;
        client.form_ok("POST", "/certificates", &[("pub", "p"), ("key", "k")]).await;
        assert_eq!(client.form("POST", "/certificates", &[("pub", "p")]).await.status(), 400);
        client.form_ok("POST", "/certificates/web/renew", &[]).await;
        let list = client.get("/certificates").await;
        assert_eq!(list[1]["domains"][1], "b.test");
        client.form_ok("DELETE", &format!("/certificates/{}", list[1]["id"].as_str().unwrap()), &[]).await;
        assert_eq!(client.get("/certificates").await.as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn letsencrypt_speaks_json() {
        let client = Client::start().await;
        let put = |body: &'static str| client.request("PUT", "/letsencrypt/config").body(body).send();
        assert_eq!(put("{\"role\": \"r\", \"solvers\": [1]}").await.unwrap().status(), 200);
        assert_eq!(client.get("/letsencrypt/config").await["solvers"][0], 1);
        assert_eq!(put("role=r").await.unwrap().status(), 400);
    }
}
