//! Referrers, by the API and by the tag that older clients use.

use super::super::target::{CONFIG, OCI_INDEX, OCI_MANIFEST, Target, descriptor, digest, header_of, image};
use serde_json::{Value, json};

async fn listed(target: &Target, path: &str) -> (bool, Vec<Value>) {
    let answer = target.get(path).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header_of(&answer, "content-type"), OCI_INDEX);
    let is_filtered =
        answer.headers().get("oci-filters-applied").is_some_and(|filters| filters == "artifactType");
    let index: Value = answer.json().await.unwrap();
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], OCI_INDEX);
    (is_filtered, index["manifests"].as_array().unwrap().clone())
}

/// A manifest that refers to another; returns it with its digest.
async fn refer(target: &Target, repository: &str, subject: &Value, kind: &str) -> (Value, String) {
    target.push_blob(repository, b"{}").await;
    let mut artifact = image(&[descriptor(CONFIG, b"{}")]);
    artifact["subject"] = subject.clone();
    artifact["artifactType"] = json!(kind);
    artifact["annotations"] = json!({"org.example": kind});
    let digest = digest(artifact.to_string().as_bytes());
    let answer = target.put_manifest(repository, &digest, OCI_MANIFEST, &artifact).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(header_of(&answer, "oci-subject"), subject["digest"].as_str().unwrap());
    (artifact, digest)
}

pub async fn listed_and_filtered(target: &Target) {
    let repository = target.repository("referrers");
    let (image, subject) = target.push_image(&repository, "v1", "referrers").await;
    let described = descriptor(OCI_MANIFEST, image.to_string().as_bytes());
    let (signature, signed) =
        refer(target, &repository, &described, "application/vnd.example.signature+json").await;
    refer(target, &repository, &described, "application/vnd.example.sbom").await;
    let path = format!("/v2/{repository}/referrers/{subject}");
    let (is_filtered, all) = listed(target, &path).await;
    assert_eq!((is_filtered, all.len()), (false, 2));
    let (is_filtered, some) =
        listed(target, &format!("{path}?artifactType=application%2Fvnd.example.signature%2Bjson")).await;
    assert!(is_filtered);
    let mut expected = descriptor(OCI_MANIFEST, signature.to_string().as_bytes());
    expected["artifactType"] = json!("application/vnd.example.signature+json");
    expected["annotations"] = signature["annotations"].clone();
    assert_eq!(some, [expected]);
    assert_eq!(target.send("DELETE", &format!("/v2/{repository}/manifests/{signed}")).await.status(), 202);
    assert_eq!(listed(target, &path).await.1.len(), 1);
}

pub async fn fallback_tags_are_merged(target: &Target) {
    let repository = target.repository("fallback");
    let (_, subject) = target.push_image(&repository, "v1", "subject").await;
    let (old, _) = target.push_image(&repository, "old", "old artifact").await;
    let mut entry = descriptor(OCI_MANIFEST, old.to_string().as_bytes());
    entry["artifactType"] = json!("application/vnd.example.old");
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]});
    let tag = subject.replace(':', "-");
    assert_eq!(target.put_manifest(&repository, &tag, OCI_INDEX, &index).await.status(), 201);
    let described = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
    refer(target, &repository, &described, "application/vnd.example.new").await;
    let (_, all) = listed(target, &format!("/v2/{repository}/referrers/{subject}")).await;
    let mut kinds: Vec<_> = all.iter().map(|entry| entry["artifactType"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["application/vnd.example.new", "application/vnd.example.old"]);
}

/// Known or not: a client tells by this answer that the API is there.
pub async fn of_nothing(target: &Target) {
    let repository = target.repository("nothing");
    let path = format!("/v2/{repository}/referrers/{}", digest(b"nothing"));
    assert_eq!(listed(target, &path).await.1, Vec::<Value>::new());
}
