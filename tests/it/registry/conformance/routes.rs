//! Paths, methods and the form of refusals.

use super::super::target::{Target, header_of, refused};
use crate::support::wire::Wire;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub async fn ping(target: &Target) {
    let answer = target.get("/v2/").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "{}");
    assert_eq!(target.send("HEAD", "/v2/").await.status(), 200);
}

pub async fn every_answer_names_the_protocol(target: &Target) {
    for path in ["/v2/", "/v2/no/such/tags/list", "/v2/x", "/v2/Bad/tags/list"] {
        assert_eq!(
            header_of(&target.get(path).await, "docker-distribution-api-version"),
            "registry/2.0",
            "{path}"
        );
    }
}

pub async fn unknown_routes_and_methods_are_json(target: &Target) {
    refused(target.get("/v2/a/b").await, 404, "NOT_FOUND").await;
    refused(target.get("/v2/_oci/ext/discover").await, 404, "NOT_FOUND").await;
    for (method, path) in [
        ("PUT", "/v2/a/tags/list"),
        ("POST", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/_catalog"),
        ("POST", "/v2/"),
        ("OPTIONS", "/v2/"),
        ("GET", "/v2/a/blobs/uploads/"),
    ] {
        let answer = target.send(method, path).await;
        assert!(!header_of(&answer, "allow").is_empty());
        refused(answer, 405, "UNSUPPORTED").await;
    }
}

/// Sent by hand, because clients clean paths up.
pub async fn raw_paths_are_not_repaired(target: &Target) {
    for (path, code) in [
        (format!("/v2/secret%2Frepo/blobs/{D}"), "NAME_INVALID"),
        (format!("/v2/a/../b/blobs/{D}"), "NAME_INVALID"),
        (format!("/v2/a/%2e%2e/b/blobs/{D}"), "NAME_INVALID"),
        (format!("/v2/a//b/blobs/{D}"), "NAME_INVALID"),
        (format!("/v2/a/./blobs/{D}"), "NAME_INVALID"),
        ("/v2/a%00b/tags/list".to_owned(), "NAME_INVALID"),
        ("/v2/a/tags/list/".to_owned(), "NOT_FOUND"),
        ("/v2//".to_owned(), "NAME_INVALID"),
    ] {
        let mut wire = Wire::open(target.address()).await;
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n")).await;
        let head = wire.head().await;
        let body = wire.body(&head).await.text();
        assert!(matches!(head.status(), 400 | 404), "{path}: {}", head.status());
        assert!(body.contains(code), "{path}: {body}");
    }
}

pub async fn malformed_names_and_references(target: &Target) {
    for path in ["/v2/Upper/tags/list", "/v2/a..b/tags/list", "/v2/-a/tags/list", "/v2/a___b/tags/list"] {
        refused(target.get(path).await, 400, "NAME_INVALID").await;
    }
    let long = format!("/v2/{}/tags/list", "a/".repeat(127) + "aa");
    refused(target.get(&long).await, 400, "NAME_INVALID").await;
    refused(target.get("/v2/a/manifests/sha256:abc").await, 400, "DIGEST_INVALID").await;
    refused(target.get("/v2/a/blobs/sha256:abc").await, 400, "DIGEST_INVALID").await;
    refused(target.get("/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e").await, 400, "DIGEST_INVALID")
        .await;
    refused(target.get("/v2/a/manifests/-x").await, 400, "TAG_INVALID").await;
    refused(target.get("/v2/a/manifests/none").await, 404, "MANIFEST_UNKNOWN").await;
    refused(target.get(&format!("/v2/a/blobs/{D}")).await, 404, "BLOB_UNKNOWN").await;
}

pub async fn names_that_contain_the_words_of_routes(target: &Target) {
    for name in
        ["blobs/uploads", "manifests", "a/tags/list", "v2/blobs", "uploads/manifests/tags", "referrers"]
    {
        let repository = format!("{}/{name}", target.repository("words"));
        let (image, digest) = target.push_image(&repository, "list", name).await;
        let answer = target.get(&format!("/v2/{repository}/manifests/list")).await;
        assert_eq!(answer.text().await.unwrap(), image.to_string());
        let answer = target.get(&format!("/v2/{repository}/tags/list")).await;
        let document: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(document, serde_json::json!({"name": repository, "tags": ["list"]}));
        assert_eq!(
            target.send("DELETE", &format!("/v2/{repository}/manifests/{digest}")).await.status(),
            202
        );
    }
}
