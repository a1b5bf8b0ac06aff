//! The proxy as its clients see it: the same suite as for a registry of our own, before one of ours and before Debian's.

use super::{
    Own, conformance,
    target::{Target, refused},
};
use crate::support::registry::{Distribution, ProxyServer};
use rack_gateway::{
    core::SystemClock,
    registry::{
        Rules,
        proxy::{Login, Redirects, Signer},
    },
};
use std::sync::Arc;

macro_rules! each_of {
    ($registry:ident: $($room:ident: $($name:ident)*;)*) => {
        mod $registry {
            $(mod $room {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        super::super::$registry(async |target| {
                            super::super::conformance::$room::$name(&target).await;
                        })
                        .await;
                    }
                )*
            })*
        }
    };
}

/// What the proxy does before every registry, and what it does before this one besides.
macro_rules! before {
    ($registry:ident, uploads: $($upload:ident)*; manifests: $($manifest:ident)*; listing: $($list:ident)*;) => {
        each_of! { $registry:
            routes: ping every_answer_names_the_protocol malformed_names_and_references
                names_that_contain_the_words_of_routes;
            uploads: in_one_patch with_the_body_in_the_put at_once_with_post in_chunks_with_status
                chunks_out_of_order_are_416 chunks_that_lie_about_their_length wrong_digest_publishes_nothing
                an_empty_blob cancelled unknown_and_moved_uploads mounts parameters_in_a_body_do_not_mount
                doubled_parameters parallel_pushes_of_one_blob two_requests_on_one_upload
                a_body_that_breaks_off_is_resumed $($upload)*;
            blobs: ranges conditions deleted head_equals_get of_another_repository;
            manifests: by_tag_and_digest media_types accept_is_negotiated what_is_missing_is_named
                type_confusion_is_refused too_large several_tags_at_once indexes digest_must_match $($manifest)*;
            listing: tags_are_sorted_and_paged extreme_numbers $($list)*;
            referrers: listed_and_filtered fallback_tags_are_merged of_nothing;
        }
    };
}

async fn ours(ask: impl AsyncFnOnce(Target)) {
    let own = Own::start().await;
    let proxy = ProxyServer::before(&own.server.url()).await;
    ask(Target::open(&proxy.url())).await;
}

async fn distribution(ask: impl AsyncFnOnce(Target)) {
    let Some(registry) = Distribution::start().await else { return };
    let proxy = ProxyServer::before(&registry.url).await;
    ask(Target::open(&proxy.url())).await;
}

before! { ours,
    uploads: sha512;
    manifests: tags_move_atomically deleted_by_tag_and_digest;
    listing: the_catalog_is_paged unknown_repositories;
}

// It knows SHA-256 only, deletes no tag alone, lists repositories that hold no manifest, and fails now and then to read
// a tag that moves.
before! { distribution, uploads: ; manifests: ; listing: ; }

/// Distribution 3, which believes what the gateway signs for each request and nobody else.
async fn signed(ask: impl AsyncFnOnce(Target)) {
    let signer = Signer::new(&[7; 32], "rack-gateway", "images", Arc::new(SystemClock));
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), signer.jwks().to_string()).unwrap();
    let auth = format!(
        "auth: {{token: {{realm: 'http://127.0.0.1/token', service: images, issuer: rack-gateway, jwks: {}}}}}",
        keys.path().display()
    );
    let Some(registry) = Distribution::third_with_auth(&auth).await else { return };
    refused(Target::open(&registry.url).get("/v2/").await, 401, "UNAUTHORIZED").await;
    let login = Login::Signed(signer);
    let proxy = ProxyServer::with(&registry.url, login, Redirects::Follow, Rules::default()).await;
    ask(Target::open(&proxy.url())).await;
}

before! { signed, uploads: ; manifests: deleted_by_tag_and_digest; listing: the_catalog_is_paged; }

/// What it does not do, it says in the protocol's words.
#[tokio::test]
async fn a_tag_that_cannot_be_deleted_alone() {
    let Some(registry) = Distribution::start().await else { return };
    let proxy = ProxyServer::before(&registry.url).await;
    let target = Target::open(&proxy.url());
    let (_, digest) = target.push_image("team/app", "v1", "tagged").await;
    let answer = target.send("DELETE", "/v2/team/app/manifests/v1").await;
    let said = refused(answer, 405, "UNSUPPORTED").await.to_string();
    assert!(said.contains("by its digest"), "{said}");
    assert_eq!(target.send("DELETE", &format!("/v2/team/app/manifests/{digest}")).await.status(), 202);
    assert_eq!(target.get("/v2/team/app/manifests/v1").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_client_before_distribution() {
    if super::skopeo::is_there().await
        && let Some(registry) = Distribution::start().await
    {
        let proxy = ProxyServer::before(&registry.url).await;
        super::skopeo::pushes_and_pulls(proxy.served.address).await;
        assert_eq!(registry.uploads(), 0, "stray uploads");
    }
}
