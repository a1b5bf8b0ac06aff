//! What people may do with images.

use super::{Front, challenge, document};
use crate::registry::target::{CONFIG, LAYER, OCI_MANIFEST, Target, descriptor, header_of, image, refused};
use serde_json::{Value, json};

#[tokio::test]
async fn a_viewer_pulls_and_is_told_why_not_to_push() {
    let front = Front::start().await;
    let (_, digest) = front.admin().await.push_image("team/app", "v1", "first").await;
    let token = front.gateway.token("viewer").await;
    for viewer in [front.by(&token), front.by_ticket(&front.ticket(&token).await)] {
        let pulled = viewer.get("/v2/team/app/manifests/v1").await;
        assert_eq!(header_of(&pulled, "docker-content-digest"), digest);
        for (method, path, permission) in [
            ("POST", "/v2/team/app/blobs/uploads/".to_owned(), "registry:repo:push"),
            ("PUT", "/v2/team/app/manifests/v2".to_owned(), "registry:repo:push"),
            ("DELETE", format!("/v2/team/app/manifests/{digest}"), "registry:repo:delete"),
            ("DELETE", format!("/v2/team/app/blobs/{digest}"), "registry:repo:delete"),
        ] {
            let refusal = refused(viewer.send(method, &path).await, 403, "DENIED").await;
            let sentence = refusal["errors"][0]["message"].as_str().unwrap();
            for part in ["@example.com", " on team/app", permission] {
                assert!(sentence.contains(part), "{method} {path}: {sentence}");
            }
        }
        assert_eq!(viewer.get("/v2/team/app/manifests/v1").await.status(), 200, "nothing has changed");
    }
}

#[tokio::test]
async fn a_grant_on_one_repository_is_one_on_no_other() {
    let front = Front::start().await;
    front.admin().await.push_image("other/app", "v1", "secret").await;
    let deployer = front.by(&front.gateway.token_on("deployer", "repo:team/**").await);
    deployer.push_image("team/app", "v1", "own").await;
    for path in ["/v2/other/app/manifests/v1", "/v2/team2/app/manifests/v1", "/v2/teams/tags/list"] {
        refused(deployer.get(path).await, 403, "DENIED").await;
    }
    refused(deployer.send("POST", "/v2/other/app/blobs/uploads/").await, 403, "DENIED").await;
}

/// Harbor and others let whoever knew a digest take the blob over into a repository of their own.
#[tokio::test]
async fn what_may_not_be_pulled_cannot_be_mounted() {
    let front = Front::start().await;
    let admin = front.admin().await;
    let digest = admin.push_blob("secret/app", b"a secret layer").await;
    let deployer = front.by(&front.gateway.token_on("deployer", "repo:team/**").await);
    let mount = |from: &str| format!("/v2/team/app/blobs/uploads/?mount={digest}&from={from}");
    for from in ["secret/app", "no/such"] {
        let answer = deployer.send("POST", &mount(from)).await;
        assert_eq!(answer.status(), 202, "{from}: an upload instead");
        assert!(header_of(&answer, "location").contains("/v2/team/app/blobs/uploads/"));
    }
    refused(deployer.get(&format!("/v2/team/app/blobs/{digest}")).await, 404, "BLOB_UNKNOWN").await;
    // From what may be pulled, it goes at once.
    deployer.push_blob("team/base", b"a secret layer").await;
    assert_eq!(deployer.send("POST", &mount("team/base")).await.status(), 201);
    assert_eq!(deployer.get(&format!("/v2/team/app/blobs/{digest}")).await.status(), 200);
}

#[tokio::test]
async fn what_is_public_is_pulled_without_a_login() {
    let front = Front::with_public("base/**,tools/lint").await;
    let admin = front.admin().await;
    for name in ["base/os", "tools/lint", "tools/other", "team/app"] {
        admin.push_image(name, "v1", name).await;
    }
    let nobody = front.by_ticket(&front.anonymous_ticket().await);
    for name in ["base/os", "tools/lint"] {
        let answer = nobody.get(&format!("/v2/{name}/manifests/v1")).await;
        let manifest = document(answer).await;
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        assert_eq!(nobody.get(&format!("/v2/{name}/blobs/{layer}")).await.status(), 200);
        // Without a ticket there is the way to one, as clients expect.
        challenge(&front.nobody().get(&format!("/v2/{name}/manifests/v1")).await);
        for (method, path) in [
            ("POST", format!("/v2/{name}/blobs/uploads/")),
            ("PUT", format!("/v2/{name}/manifests/v1")),
            ("DELETE", format!("/v2/{name}/manifests/v1")),
        ] {
            challenge(&nobody.send(method, &path).await);
        }
    }
    for name in ["tools/other", "team/app", "base2/os"] {
        challenge(&nobody.get(&format!("/v2/{name}/manifests/v1")).await);
    }
    let catalog = document(nobody.get("/v2/_catalog").await).await;
    assert_eq!(catalog["repositories"], json!(["base/os", "tools/lint"]));
    // Who is known may do so, too, without any right of their own.
    let other = front.by(&front.gateway.token_on("viewer", "repo:elsewhere/**").await);
    assert_eq!(other.get("/v2/base/os/manifests/v1").await.status(), 200);
    let record = front.gateway.lines.wait_for(|record| {
        record["action"] == "repository.pull"
            && record["resource"] == "base/os"
            && record["http_status"] == 200
    });
    assert_eq!(record.await["rbac_decision"], "allow");
}

#[tokio::test]
async fn the_catalog_shows_what_one_may_see() {
    let front = Front::start().await;
    let admin = front.admin().await;
    let names = ["team/a", "team/b", "team/c", "team/d/e", "alpha/x", "team2/x", "zeta"];
    for name in names {
        admin.push_image(name, "v1", name).await;
    }
    let viewer = front.by(&front.gateway.token_on("viewer", "repo:team/**").await);
    assert_eq!(pages(&viewer, "/v2/_catalog").await, [["team/a", "team/b", "team/c", "team/d/e"].to_vec()]);
    let paged = pages(&viewer, "/v2/_catalog?n=3").await;
    assert_eq!(paged, [vec!["team/a", "team/b", "team/c"], vec!["team/d/e"]]);
    let even = pages(&viewer, "/v2/_catalog?n=2").await;
    assert_eq!(even.len(), 2, "no empty page at the end: {even:?}");
    let after = pages(&viewer, "/v2/_catalog?last=alpha/x&n=1").await;
    assert_eq!(after.concat().len(), 4, "{after:?}");
    assert_eq!(pages(&admin, "/v2/_catalog?n=5").await.concat().len(), names.len());
    assert_eq!(pages(&viewer, "/v2/_catalog?n=0").await, [Vec::<String>::new()]);
}

/// Follows the links.
async fn pages(target: &Target, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let answer = target.get(&path).await;
        next = answer.headers().get("link").map(|link| {
            let link = link.to_str().unwrap();
            link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
        let page: Value = document(answer).await;
        pages.push(serde_json::from_value(page["repositories"].clone()).unwrap());
        assert!(pages.len() < 20);
    }
    pages
}

#[tokio::test]
async fn tags_move_only_by_those_who_may_move_them() {
    let front = Front::start().await;
    let permissions = "registry:repo:pull\nregistry:repo:push";
    let pusher = front.by(&front.token_with("pusher", permissions, "repo:team/**").await);
    let (first, digest) = pusher.push_image("team/app", "v1", "first").await;
    // The same again changes nothing.
    let same = pusher.put_manifest("team/app", "v1", OCI_MANIFEST, &first).await;
    assert_eq!(same.status(), 201);
    pusher.push_image("team/app", "v2", "first").await;

    let (config, layer) = (b"{\"of\":\"second\"}", b"layer of second");
    pusher.push_blob("team/app", config).await;
    pusher.push_blob("team/app", layer).await;
    let second = image(&[descriptor(CONFIG, config), descriptor(LAYER, layer)]);
    let moved = pusher.put_manifest("team/app", "v1", OCI_MANIFEST, &second).await;
    let refusal = refused(moved, 403, "DENIED").await;
    let sentence = refusal["errors"][0]["message"].as_str().unwrap();
    assert!(sentence.contains("registry:tag:overwrite"), "{sentence}");
    let still = pusher.get("/v2/team/app/manifests/v1").await;
    assert_eq!(header_of(&still, "docker-content-digest"), digest);
    // By its digest, without a tag, it may come; with the old tag in the query it may not.
    let by_digest = crate::registry::target::digest(second.to_string().as_bytes());
    let with_tag = format!("{by_digest}?tag=v1");
    refused(pusher.put_manifest("team/app", &with_tag, OCI_MANIFEST, &second).await, 403, "DENIED").await;
    assert_eq!(pusher.put_manifest("team/app", &by_digest, OCI_MANIFEST, &second).await.status(), 201);

    let deployer = front.by(&front.gateway.token_on("deployer", "repo:team/**").await);
    assert_eq!(deployer.put_manifest("team/app", "v1", OCI_MANIFEST, &second).await.status(), 201);
}
