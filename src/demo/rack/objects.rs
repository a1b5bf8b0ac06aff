//! Objects: where the CLI puts sources before a build. Keys may be empty and may hold slashes.

use super::{
    call::Call,
    reply::{self, Answer, Refusal},
};
use http::StatusCode;
use std::collections::BTreeMap;

/// `GET ~/objects/zeros/{n}` sends n zero bytes that nobody uploaded, for tests of large downloads.
const ZEROS: &str = "zeros/";

pub async fn list(call: Call, app: &str) -> Answer {
    let prefix = call.query("prefix").unwrap_or_default();
    let world = call.world();
    reply::json(&world.app(app)?.objects.keys().filter(|key| key.starts_with(&prefix)).collect::<Vec<_>>())
}

pub async fn get(call: Call, app: &str, key: String) -> Answer {
    let world = call.world();
    let objects = &world.app(app)?.objects;
    if let Some(length) = key.strip_prefix(ZEROS).and_then(|length| length.parse().ok()) {
        return reply::zeros(length);
    }
    let Some(blob) = objects.get(&key) else { return Err(Refusal::no_such("key", key)) };
    reply::bytes(blob.content()?)
}

/// Answers 200 also for a key that does not exist, as the real rack does.
pub async fn head(_call: Call) -> Answer {
    Ok(reply::empty(StatusCode::OK))
}

pub async fn store(call: Call, app: &str, key: String) -> Answer {
    call.world().app(app)?;
    let blob = call.shared.shelf.receive(call.body).await?;
    let mut world = call.shared.world();
    let app = world.app_mut(app)?;
    let key = if key.is_empty() { format!("tmp/{:016x}", app.ids.serial()) } else { key };
    let url = format!("object://{}/{key}", app.name);
    app.objects.insert(key, blob);
    reply::json(&BTreeMap::from([("Url", url)]))
}

pub async fn delete(call: Call, app: &str, key: String) -> Answer {
    let removed = call.world().app_mut(app)?.objects.remove(&key);
    removed.map_or_else(|| Err(Refusal::no_such("key", key)), |_| reply::ok())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn store_read_list_delete() {
        let client = Client::start().await;
        let stored =
            client.request("POST", "/apps/web/objects/tmp/a/b.tgz").body("content").send().await.unwrap();
        assert_eq!(stored.text().await.unwrap(), "{\n  \"Url\": \"object://web/tmp/a/b.tgz\"\n}\n");
        let read = client.request("GET", "/apps/web/objects/tmp/a/b.tgz").send().await.unwrap();
        assert_eq!(read.text().await.unwrap(), "content");
        assert_eq!(client.get("/apps/web/objects?prefix=tmp/").await[0], "tmp/a/b.tgz");
        client.form_ok("DELETE", "/apps/web/objects/tmp/a/b.tgz", &[]).await;
        let gone = client.request("GET", "/apps/web/objects/tmp/a/b.tgz").send().await.unwrap();
        assert_eq!(gone.status(), 404);
        let unnamed = client.request("POST", "/apps/web/objects/").body("x").send().await.unwrap();
        assert!(unnamed.text().await.unwrap().contains("object://web/tmp/"));
    }

    #[tokio::test]
    async fn head_is_always_there() {
        let client = Client::start().await;
        let head = client.request("HEAD", "/apps/web/objects/not/there").send().await.unwrap();
        assert_eq!(head.status(), 200);
    }

    #[tokio::test]
    async fn zeros_have_a_length_and_cost_nothing() {
        let client = Client::start().await;
        let reply = client.request("GET", "/apps/web/objects/zeros/3000000000").send().await.unwrap();
        assert_eq!(reply.headers()["content-length"], "3000000000");
        drop(reply);
        let reply = client.request("GET", "/apps/web/objects/zeros/200000").send().await.unwrap();
        assert!(reply.bytes().await.unwrap().iter().eq([0; 200_000].iter()));
    }

    #[tokio::test]
    async fn a_large_upload_is_measured_but_not_kept() {
        let client = Client::start().await;
        let chunks = (0..65).map(|_| Ok::<_, std::io::Error>(vec![1; 1024 * 1024]));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let stored = client.request("POST", "/apps/web/objects/tmp/large").body(body).send().await.unwrap();
        assert_eq!(stored.status(), 200);
        assert_eq!(client.rack.requests()[0].body_length, 65 * 1024 * 1024);
        let read = client.request("GET", "/apps/web/objects/tmp/large").send().await.unwrap();
        assert_eq!(read.status(), 507);
        assert!(read.text().await.unwrap().contains("68157440 bytes"));
    }
}
