//! A stock client of registries against the gateway.

use super::Front;
use crate::registry::skopeo::{is_there, layout, skopeo};
use serde_json::{Value, json};
use std::fs;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_in_pushes_pulls_and_deletes() {
    if !is_there().await {
        return;
    }
    for front in Front::of_each_kind("").await {
        pushes_pulls_and_deletes(&front).await;
        assert_eq!(front.behind.as_ref().map_or(0, |behind| behind.uploads()), 0, "stray uploads");
    }
}

async fn pushes_pulls_and_deletes(front: &Front) {
    let (admin, viewer) = (front.gateway.token("admin").await, front.gateway.token("viewer").await);
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name).display().to_string();
    let layers = layout(&work.path().join("image"), 3);
    let (source, back) = (format!("oci:{}:v1", path("image")), format!("oci:{}:v1", path("back")));
    let registry = front.gateway.address().to_string();
    let image = |name: &str| format!("docker://{registry}/{name}");
    let (first, moved, auth) = (image("team/app:v1"), image("team/other:v1"), path("auth.json"));

    let login = ["login", "--tls-verify=false", "--authfile", &auth, "-u", "any", "-p", &admin, &registry];
    skopeo(&login).await;
    let copy = ["copy", "--authfile", &auth, "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&[copy.as_slice(), &[&source, &first]].concat()).await;
    skopeo(&[copy.as_slice(), &[&first, &moved]].concat()).await;
    skopeo(&[copy.as_slice(), &[&first, &back]].concat()).await;
    for layer in &layers {
        let file = format!("blobs/sha256/{}", layer.strip_prefix("sha256:").unwrap());
        assert!(
            fs::read(work.path().join("back").join(&file)).unwrap()
                == fs::read(work.path().join("image").join(&file)).unwrap()
        );
    }
    let known = ["--tls-verify=false", "--authfile", &auth];
    let inspected = skopeo(&[&["inspect"], known.as_slice(), &[&moved]].concat()).await;
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Layers"], json!(layers));
    let tags = skopeo(&[&["list-tags"], known.as_slice(), &[&image("team/app")]].concat()).await;
    assert_eq!(serde_json::from_str::<Value>(&tags).unwrap()["Tags"], json!(["v1"]));
    skopeo(&[&["delete"], known.as_slice(), &[&moved]].concat()).await;

    let credentials = format!("any:{viewer}");
    let pull = ["inspect", "--tls-verify=false", "--creds", &credentials, &first];
    skopeo(&pull).await;
    let said =
        fails(&["copy", "--dest-tls-verify=false", "--dest-creds", &credentials, &source, &first]).await;
    assert!(said.contains("may not push images on team/app"), "{said}");
    assert!(said.contains("registry:repo:push"), "{said}");
    let said = fails(&["login", "--tls-verify=false", "-u", "any", "-p", "rgw_wrong", &registry]).await;
    assert!(said.contains("invalid username/password"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_what_is_public_without_a_login() {
    if !is_there().await {
        return;
    }
    for front in Front::of_each_kind("base/**").await {
        pulls_what_is_public(&front).await;
    }
}

async fn pulls_what_is_public(front: &Front) {
    let admin = front.admin().await;
    admin.push_image("base/os", "v1", "public").await;
    admin.push_image("team/app", "v1", "secret").await;
    let image = |name: &str| format!("docker://{}/{name}", front.gateway.address());
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", "--no-creds", &image("base/os:v1")]).await;
    assert!(raw.contains("layers"), "{raw}");
    let secret = image("team/app:v1");
    let said = fails(&["inspect", "--raw", "--tls-verify=false", "--no-creds", &secret]).await;
    assert!(said.contains("authentication required") || said.contains("unauthorized"), "{said}");
}

/// What the client says when it does not succeed.
async fn fails(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().await.unwrap();
    assert!(!output.status.success(), "skopeo {arguments:?} succeeded");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
