//! Lists and their pages.

use super::super::target::{Target, header_of, refused};
use reqwest::Response;
use serde_json::{Value, json};

fn next(answer: &Response) -> Option<String> {
    let link = answer.headers().get("link")?.to_str().unwrap();
    let (path, relation) = link.split_once(';').unwrap();
    assert_eq!(relation.trim(), "rel=\"next\"");
    Some(path.trim_start_matches('<').trim_end_matches('>').to_owned())
}

async fn walk(target: &Target, first: String, key: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = Some(first);
    while let Some(current) = path {
        assert!(current.starts_with("/v2/"), "{current}");
        let answer = target.get(&current).await;
        assert_eq!(answer.status(), 200);
        path = next(&answer);
        let document: Value = answer.json().await.unwrap();
        pages.push(serde_json::from_value(document[key].clone()).unwrap());
    }
    pages
}

pub async fn tags_are_sorted_and_paged(target: &Target) {
    let repository = target.repository("tags");
    let (image, _) = target.push_image(&repository, "v1", "tags").await;
    for tag in ["t3", "T4", "_x", "t10", "a.b-c"] {
        let kind = image["mediaType"].as_str().unwrap();
        assert_eq!(target.put_manifest(&repository, tag, kind, &image).await.status(), 201);
    }
    let path = format!("/v2/{repository}/tags/list");
    let all = ["T4", "_x", "a.b-c", "t10", "t3", "v1"].map(str::to_owned);
    let document: Value = target.get(&path).await.json().await.unwrap();
    assert_eq!(document, json!({"name": repository, "tags": all}));
    let pages = walk(target, format!("{path}?n=4"), "tags").await;
    assert_eq!(pages, [all[..4].to_vec(), all[4..].to_vec()]);
    // A last page that is exactly full has no successor.
    assert_eq!(walk(target, format!("{path}?n=3"), "tags").await.len(), 2);
    assert_eq!(walk(target, format!("{path}?n=6"), "tags").await, [all.to_vec()]);
    assert_eq!(
        walk(target, format!("{path}?last=t10"), "tags").await,
        [["t3", "v1"].map(str::to_owned).to_vec()]
    );
}

pub async fn the_catalog_is_paged(target: &Target) {
    let mut own = Vec::new();
    for word in ["b", "a/deep/er", "c"] {
        let repository = format!("{}/{word}", target.repository("catalog"));
        target.push_image(&repository, "v1", word).await;
        own.push(repository);
    }
    // Only a blob: not a repository to anybody yet.
    target.push_blob(&target.repository("catalog-blob"), b"x").await;
    own.sort();
    let listed = |pages: Vec<Vec<String>>| {
        let all = pages.into_iter().flatten();
        all.filter(|name| name.contains("/catalog-")).collect::<Vec<_>>()
    };
    assert_eq!(listed(walk(target, "/v2/_catalog".into(), "repositories").await), own);
    assert_eq!(listed(walk(target, "/v2/_catalog?n=1".into(), "repositories").await), own);
}

pub async fn extreme_numbers(target: &Target) {
    let repository = target.repository("numbers");
    target.push_image(&repository, "v1", "numbers").await;
    for path in [format!("/v2/{repository}/tags/list"), "/v2/_catalog".to_owned()] {
        for n in ["-1", "x", "", "1.5", "0x10", "%31%32z"] {
            refused(target.get(&format!("{path}?n={n}")).await, 400, "PAGINATION_NUMBER_INVALID").await;
        }
        for n in ["18446744073709551615", "99999999999999999999999999999999", "100000"] {
            assert_eq!(target.get(&format!("{path}?n={n}")).await.status(), 200, "{n}");
        }
        let answer = target.get(&format!("{path}?n=0")).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().get("link").is_none());
        assert!(answer.text().await.unwrap().contains("[]"));
    }
    let answer = target.get(&format!("/v2/{repository}/tags/list?last=%F0%9F%90%99")).await;
    assert_eq!(header_of(&answer, "content-type"), "application/json");
    assert_eq!(answer.json::<Value>().await.unwrap()["tags"], json!([]));
}

pub async fn unknown_repositories(target: &Target) {
    let repository = target.repository("nowhere");
    refused(target.get(&format!("/v2/{repository}/tags/list")).await, 404, "NAME_UNKNOWN").await;
    // One that lost its last tag is still known.
    target.push_image(&repository, "v1", "gone").await;
    assert_eq!(target.send("DELETE", &format!("/v2/{repository}/manifests/v1")).await.status(), 202);
    let document: Value = target.get(&format!("/v2/{repository}/tags/list")).await.json().await.unwrap();
    assert_eq!(document["tags"], json!([]));
}
