//! Manifests.

use super::super::target::{
    CONFIG, LAYER, OCI_INDEX, OCI_MANIFEST, Target, descriptor, digest, header_of, image, refused,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub async fn by_tag_and_digest(target: &Target) {
    let repository = target.repository("manifest");
    let (image, digest) = target.push_image(&repository, "v1", "manifest").await;
    for reference in ["v1", &digest] {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = target.request("GET", &path).header("accept", OCI_MANIFEST).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(header_of(&answer, "docker-content-digest"), digest);
        assert_eq!(header_of(&answer, "content-type"), OCI_MANIFEST);
        let etag = header_of(&answer, "etag").to_owned();
        let length = header_of(&answer, "content-length").to_owned();
        assert_eq!(answer.text().await.unwrap(), image.to_string());
        let head = target.request("HEAD", &path).header("accept", OCI_MANIFEST).send().await.unwrap();
        assert_eq!(header_of(&head, "content-length"), length);
        assert_eq!(header_of(&head, "docker-content-digest"), digest);
        let request =
            target.request("GET", &path).header("accept", OCI_MANIFEST).header("if-none-match", etag);
        assert_eq!(request.send().await.unwrap().status(), 304);
    }
}

pub async fn media_types(target: &Target) {
    let repository = target.repository("types");
    let (image, _) = target.push_image(&repository, "v1", "types").await;
    let mut docker = image.clone();
    docker["mediaType"] = json!(DOCKER_MANIFEST);
    assert_eq!(target.put_manifest(&repository, "docker", DOCKER_MANIFEST, &docker).await.status(), 201);
    let answer = target.get(&format!("/v2/{repository}/manifests/docker")).await;
    assert_eq!(header_of(&answer, "content-type"), DOCKER_MANIFEST);
    for kind in ["application/json", "text/html", "application/vnd.docker.distribution.manifest.v1+prettyjws"]
    {
        refused(target.put_manifest(&repository, "v2", kind, &image).await, 400, "MANIFEST_INVALID").await;
    }
}

pub async fn accept_is_negotiated(target: &Target) {
    let repository = target.repository("accept");
    target.push_image(&repository, "v1", "accept").await;
    let path = format!("/v2/{repository}/manifests/v1");
    let docker_only = target.request("GET", &path).header("accept", DOCKER_MANIFEST).send().await.unwrap();
    refused(docker_only, 404, "MANIFEST_UNKNOWN").await;
    // One line for each type, as docker writes them.
    let lines = target.request("GET", &path).header("accept", DOCKER_MANIFEST).header("accept", OCI_MANIFEST);
    assert_eq!(lines.send().await.unwrap().status(), 200);
    let list = format!("{DOCKER_MANIFEST}, {OCI_MANIFEST};q=0.9");
    assert_eq!(target.request("GET", &path).header("accept", list).send().await.unwrap().status(), 200);
    assert_eq!(target.request("GET", &path).header("accept", "*/*").send().await.unwrap().status(), 200);
}

pub async fn what_is_missing_is_named(target: &Target) {
    let repository = target.repository("missing");
    target.push_blob(&repository, b"{}").await;
    let lost = [descriptor(LAYER, b"lost 1"), descriptor(LAYER, b"lost 2")];
    let broken = image(&[descriptor(CONFIG, b"{}"), lost[0].clone(), lost[1].clone()]);
    let answer = target.put_manifest(&repository, "v1", OCI_MANIFEST, &broken).await;
    let document = refused(answer, 400, "MANIFEST_BLOB_UNKNOWN").await.to_string();
    assert!(lost.iter().any(|lost| document.contains(lost["digest"].as_str().unwrap())), "{document}");
    refused(target.get(&format!("/v2/{repository}/manifests/v1")).await, 404, "MANIFEST_UNKNOWN").await;
}

pub async fn type_confusion_is_refused(target: &Target) {
    let repository = target.repository("confusion");
    let (image, _) = target.push_image(&repository, "v1", "confusion").await;
    let with = |key: &str, value: Value| {
        let mut document = image.clone();
        document[key] = value;
        document
    };
    for (kind, document) in [
        (OCI_MANIFEST, with("manifests", json!([]))),
        (OCI_MANIFEST, with("fsLayers", json!([]))),
        (OCI_MANIFEST, with("Layers", json!([]))),
        (OCI_MANIFEST, with("mediaType", json!(OCI_INDEX))),
        (OCI_INDEX, image.clone()),
        (OCI_INDEX, with("mediaType", json!(OCI_INDEX))),
        (OCI_MANIFEST, with("schemaVersion", json!(1))),
        (OCI_MANIFEST, json!([])),
        (OCI_MANIFEST, json!({})),
    ] {
        refused(target.put_manifest(&repository, "x", kind, &document).await, 400, "MANIFEST_INVALID").await;
    }
    let path = format!("/v2/{repository}/manifests/x");
    for body in ["", "{", "\u{feff}{}", "{\"schemaVersion\":2,\"schemaVersion\":2}"] {
        let put = target.request("PUT", &path).header("content-type", OCI_MANIFEST).body(body);
        refused(put.send().await.unwrap(), 400, "MANIFEST_INVALID").await;
    }
    // A size that is not the blob's would break every pull.
    let wrong =
        with("layers", json!([{"mediaType": LAYER, "digest": image["layers"][0]["digest"], "size": 1}]));
    refused(target.put_manifest(&repository, "x", OCI_MANIFEST, &wrong).await, 400, "MANIFEST_INVALID").await;
    // The digest of a blob is not that of a manifest.
    let config = image["config"]["digest"].as_str().unwrap();
    refused(target.get(&format!("/v2/{repository}/manifests/{config}")).await, 404, "MANIFEST_UNKNOWN").await;
}

pub async fn too_large(target: &Target) {
    let repository = target.repository("large");
    let (mut image, _) = target.push_image(&repository, "v1", "large").await;
    image["annotations"] = json!({"x": "y".repeat(3_900_000)});
    assert_eq!(target.put_manifest(&repository, "fits", OCI_MANIFEST, &image).await.status(), 201);
    image["annotations"] = json!({"x": "y".repeat(4_300_000)});
    refused(target.put_manifest(&repository, "x", OCI_MANIFEST, &image).await, 413, "MANIFEST_INVALID").await;
}

/// While a tag moves to and fro, it always names one whole manifest.
pub async fn tags_move_atomically(target: &Target) {
    let repository = target.repository("atomic");
    let (one, _) = target.push_image(&repository, "moving", "one").await;
    let (two, _) = target.push_image(&repository, "two", "two").await;
    let (is_done, mut reads) = (AtomicBool::new(false), 0);
    let moving = async {
        for round in 0..20 {
            let document = if round % 2 == 0 { &two } else { &one };
            assert_eq!(
                target.put_manifest(&repository, "moving", OCI_MANIFEST, document).await.status(),
                201
            );
        }
        is_done.store(true, Ordering::Relaxed);
    };
    let reading = async {
        while !is_done.load(Ordering::Relaxed) {
            let answer = target.get(&format!("/v2/{repository}/manifests/moving")).await;
            assert_eq!(answer.status(), 200);
            let said = header_of(&answer, "docker-content-digest").to_owned();
            assert_eq!(digest(&answer.bytes().await.unwrap()), said);
            reads += 1;
        }
    };
    tokio::join!(moving, reading);
    assert!(reads > 0);
}

pub async fn deleted_by_tag_and_digest(target: &Target) {
    let repository = target.repository("deleted");
    let (image, digest) = target.push_image(&repository, "v1", "deleted").await;
    assert_eq!(target.put_manifest(&repository, "v2", OCI_MANIFEST, &image).await.status(), 201);
    let path = |reference: &str| format!("/v2/{repository}/manifests/{reference}");
    assert_eq!(target.send("DELETE", &path("v1")).await.status(), 202);
    refused(target.get(&path("v1")).await, 404, "MANIFEST_UNKNOWN").await;
    assert_eq!(target.get(&path(&digest)).await.status(), 200);
    // With the manifest go the tags that name it.
    assert_eq!(target.send("DELETE", &path(&digest)).await.status(), 202);
    for reference in ["v2", &digest] {
        refused(target.get(&path(reference)).await, 404, "MANIFEST_UNKNOWN").await;
        refused(target.send("DELETE", &path(reference)).await, 404, "MANIFEST_UNKNOWN").await;
    }
    let tags: Value = target.get(&format!("/v2/{repository}/tags/list")).await.json().await.unwrap();
    assert_eq!(tags["tags"], json!([]));
}

pub async fn several_tags_at_once(target: &Target) {
    let repository = target.repository("several");
    let (image, digest) = target.push_image(&repository, "v1", "several").await;
    let answer =
        target.put_manifest(&repository, &format!("{digest}?tag=a&tag=b"), OCI_MANIFEST, &image).await;
    assert_eq!(answer.status(), 201);
    let tags: Vec<_> = answer.headers().get_all("oci-tag").iter().collect();
    assert_eq!(tags, ["a", "b"]);
    for tag in ["a", "b"] {
        assert_eq!(target.get(&format!("/v2/{repository}/manifests/{tag}")).await.status(), 200);
    }
}

pub async fn indexes(target: &Target) {
    let repository = target.repository("index");
    let (image, _) = target.push_image(&repository, "v1", "index").await;
    let child = descriptor(OCI_MANIFEST, image.to_string().as_bytes());
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]});
    assert_eq!(target.put_manifest(&repository, "multi", OCI_INDEX, &index).await.status(), 201);
    let lost = json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, b"lost")]});
    let answer = target.put_manifest(&repository, "lost", OCI_INDEX, &lost).await;
    refused(answer, 400, "MANIFEST_BLOB_UNKNOWN").await;
}

pub async fn digest_must_match(target: &Target) {
    let repository = target.repository("match");
    let (image, _) = target.push_image(&repository, "v1", "match").await;
    let answer = target.put_manifest(&repository, &digest(b"other"), OCI_MANIFEST, &image).await;
    refused(answer, 400, "DIGEST_INVALID").await;
}
