//! The registry under a real client. Without `skopeo` on the path the tests say so and end, unless `TEST_SKOPEO` insists.

use super::{Own, in_bucket};
use flate2::{Compression, write::GzEncoder};
use rack_gateway::config::{Env as _, ProcessEnv};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fs, io::Write as _, path::Path};
use tokio::process::Command;

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An OCI layout with an image of `layers` layers, called `v1`. Returns the digests of the layers.
pub fn layout(folder: &Path, layers: u8) -> Vec<String> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], kind: &str| {
        let digest = digest(bytes);
        fs::write(blobs.join(&digest), bytes).unwrap();
        json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    };
    let (mut descriptors, mut plain) = (Vec::new(), Vec::new());
    for number in 0..layers {
        let tar = tar(number);
        plain.push(format!("sha256:{}", digest(&tar)));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar).unwrap();
        descriptors.push(put(&gzip.finish().unwrap(), "application/vnd.oci.image.layer.v1.tar+gzip"));
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": plain},
    });
    let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": descriptors});
    let mut manifest = put(manifest.to_string().as_bytes(), kind);
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    descriptors.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

fn tar(number: u8) -> Vec<u8> {
    let content: Vec<u8> =
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ number).collect();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, format!("file-{number}"), content.as_slice()).unwrap();
    tar.into_inner().unwrap()
}

pub async fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

pub async fn is_there() -> bool {
    let is_there = Command::new("skopeo").arg("--version").output().await.is_ok();
    assert!(
        is_there || ProcessEnv.get("TEST_SKOPEO").is_none(),
        "TEST_SKOPEO is set, but skopeo is not there"
    );
    if !is_there {
        eprintln!("skopeo is not installed: not tried");
    }
    is_there
}

pub async fn pushes_and_pulls(address: std::net::SocketAddr) {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let layers = layout(&path("image"), 6);
    let (source, back) =
        (format!("oci:{}:v1", path("image").display()), format!("oci:{}:v1", path("back").display()));
    let image = |name: &str| format!("docker://{address}/{name}");
    let (first, second, moved) = (image("team/app:v1"), image("team/app:v2"), image("team/other:v1"));

    skopeo(&["copy", "--dest-tls-verify=false", &source, &first]).await;
    skopeo(&["copy", "--dest-tls-verify=false", &source, &second]).await;
    skopeo(&["copy", "--src-tls-verify=false", "--dest-tls-verify=false", &first, &moved]).await;
    let inspected: Value =
        serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &moved]).await).unwrap();
    assert_eq!(inspected["Layers"], json!(layers));
    assert_eq!(inspected["RepoTags"], json!(["v1"]));
    let tags = skopeo(&["list-tags", "--tls-verify=false", &image("team/app")]).await;
    assert_eq!(serde_json::from_str::<Value>(&tags).unwrap()["Tags"], json!(["v1", "v2"]));

    skopeo(&["copy", "--src-tls-verify=false", &second, &back]).await;
    for layer in &layers {
        let file = format!("blobs/sha256/{}", layer.strip_prefix("sha256:").unwrap());
        assert!(fs::read(path("back").join(&file)).unwrap() == fs::read(path("image").join(&file)).unwrap());
    }
    // As Docker's own format, which the client converts to.
    let docker = image("team/docker:v1");
    skopeo(&["copy", "--format", "v2s2", "--dest-tls-verify=false", &source, &docker]).await;
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &docker]).await;
    assert!(raw.contains("application/vnd.docker.distribution.manifest.v2+json"), "{raw}");

    skopeo(&["delete", "--tls-verify=false", &moved]).await;
    let gone = Command::new("skopeo").args(["inspect", "--tls-verify=false", &moved]).output().await.unwrap();
    assert!(!gone.status.success());
    assert!(String::from_utf8_lossy(&gone.stderr).contains("manifest"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_directory() {
    if is_there().await {
        let own = Own::start().await;
        pushes_and_pulls(own.server.address).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_bucket_of_s3() {
    if is_there().await
        && let Some(server) = in_bucket().await
    {
        pushes_and_pulls(server.address).await;
    }
}
