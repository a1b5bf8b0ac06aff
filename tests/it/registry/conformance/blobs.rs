//! Blobs: ranges, conditions, deletion.

use super::super::target::{Target, digest, header_of, refused};

async fn pushed(target: &Target) -> (String, String, Vec<u8>) {
    let repository = target.repository("blob");
    let bytes: Vec<u8> = (0..700_000u32).map(|n| (n % 253) as u8).collect();
    let digest = target.push_blob(&repository, &bytes).await;
    (format!("/v2/{repository}/blobs/{digest}"), digest, bytes)
}

pub async fn ranges(target: &Target) {
    let (path, _, bytes) = pushed(target).await;
    let last = bytes.len() - 1;
    for (range, expected) in [
        ("bytes=0-9", 0..10),
        ("bytes=-5", last - 4..last + 1),
        ("bytes=699990-", 699_990..last + 1),
        ("bytes=250000-550000", 250_000..550_001),
        ("bytes=10-9999999999999999999999999", 10..last + 1),
    ] {
        let answer = target.request("GET", &path).header("range", range).send().await.unwrap();
        assert_eq!(answer.status(), 206, "{range}");
        let (first, end) = (expected.start, expected.end - 1);
        assert_eq!(header_of(&answer, "content-range"), format!("bytes {first}-{end}/{}", bytes.len()));
        assert_eq!(header_of(&answer, "content-length"), expected.len().to_string());
        assert!(answer.bytes().await.unwrap() == bytes[expected], "{range}");
    }
    for range in ["bytes=700000-", "bytes=800000-900000", "bytes=-0"] {
        let answer = target.request("GET", &path).header("range", range).send().await.unwrap();
        assert_eq!(header_of(&answer, "content-range"), "bytes */700000");
        refused(answer, 416, "RANGE_INVALID").await;
    }
    for range in ["bytes=0-1,5-6", "bytes=9-1", "bytes=x", "nonsense"] {
        let answer = target.request("GET", &path).header("range", range).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{range}");
        assert_eq!(answer.bytes().await.unwrap().len(), bytes.len());
    }
}

pub async fn conditions(target: &Target) {
    let (path, digest, _) = pushed(target).await;
    let etag = header_of(&target.get(&path).await, "etag").to_owned();
    assert_eq!(etag, format!("\"{digest}\""));
    let answer = target.request("GET", &path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(answer.status(), 304);
    assert!(answer.bytes().await.unwrap().is_empty());
    let answer = target.request("GET", &path).header("if-none-match", "\"other\"").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

pub async fn deleted(target: &Target) {
    let (path, ..) = pushed(target).await;
    assert_eq!(target.send("DELETE", &path).await.status(), 202);
    refused(target.get(&path).await, 404, "BLOB_UNKNOWN").await;
    assert_eq!(target.send("HEAD", &path).await.status(), 404);
    refused(target.send("DELETE", &path).await, 404, "BLOB_UNKNOWN").await;
}

pub async fn head_equals_get(target: &Target) {
    let (path, digest, bytes) = pushed(target).await;
    let (head, get) = (target.send("HEAD", &path).await, target.get(&path).await);
    for name in
        ["content-length", "docker-content-digest", "content-type", "etag", "accept-ranges", "cache-control"]
    {
        assert_eq!(header_of(&head, name), header_of(&get, name), "{name}");
    }
    assert_eq!(header_of(&head, "content-length"), bytes.len().to_string());
    assert_eq!(header_of(&head, "docker-content-digest"), digest);
    assert!(header_of(&head, "cache-control").contains("private"));
}

/// A known digest opens no door: a repository shows only what was pushed or mounted into it.
pub async fn of_another_repository(target: &Target) {
    let (path, digest, _) = pushed(target).await;
    let other = target.repository("stranger");
    refused(target.get(&format!("/v2/{other}/blobs/{digest}")).await, 404, "BLOB_UNKNOWN").await;
    assert_eq!(target.get(&path).await.status(), 200);
    let missing = self::digest(b"never pushed");
    refused(target.get(&format!("/v2/{other}/blobs/{missing}")).await, 404, "BLOB_UNKNOWN").await;
}
