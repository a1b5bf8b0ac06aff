//! The container registry as its clients see it. The conformance suite asks any registry at an address; here it asks
//! the embedded one, in a directory and, when `TEST_S3_ENDPOINT` names an S3 server, in a bucket. With
//! `TEST_REGISTRY_URL` it also asks a registry that runs already, at least what every registry must do.

pub mod conformance;
mod damage;
mod garbage;
mod health;
mod large;
mod metrics;
pub mod owners;
mod proxied;
mod replicas;
mod rules;
pub mod skopeo;
pub mod target;
mod upstreams;

use super::support::registry::{RegistryServer, bucket};
use rack_gateway::{config::RegistryBucket, core::SystemClock, registry::embedded::Place};
use std::sync::Arc;
use target::Target;
use tempfile::TempDir;

/// A registry with a directory of its own, until it is dropped.
pub struct Own {
    pub server: RegistryServer,
    pub root: TempDir,
}

impl Own {
    pub async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { server: RegistryServer::in_directory(root.path()).await, root }
    }

    pub fn target(&self) -> Target {
        Target::open(&self.server.url())
    }

    /// Files of content, and files of uploads.
    pub fn files(&self) -> (usize, usize) {
        (count(&self.root.path().join("blobs")), count(&self.root.path().join("uploads")))
    }
}

fn count(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

/// A registry in a bucket that is made for it.
pub async fn in_bucket() -> Option<RegistryServer> {
    Some(RegistryServer::start(Place::S3(new_bucket().await?), Arc::new(SystemClock)).await)
}

pub async fn new_bucket() -> Option<RegistryBucket> {
    let name =
        format!("test-{}", rack_gateway::core::RequestId::new(rack_gateway::core::Clock::now(&SystemClock)));
    let bucket = bucket(&name)?;
    let url = format!("{}/{name}", bucket.endpoint.as_deref().unwrap());
    assert!(reqwest::Client::new().put(url).send().await.unwrap().status().is_success());
    Some(bucket)
}

macro_rules! conformance {
    ($($room:ident: $($name:ident)*;)*) => {$(
        mod $room {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let own = super::Own::start().await;
                    super::conformance::$room::$name(&own.target()).await;
                    if let Some(server) = super::in_bucket().await {
                        super::conformance::$room::$name(&super::Target::open(&server.url())).await;
                    }
                }
            )*
        }
    )*};
}

conformance! {
    routes: ping every_answer_names_the_protocol unknown_routes_and_methods_are_json raw_paths_are_not_repaired
        malformed_names_and_references names_that_contain_the_words_of_routes;
    uploads: in_one_patch with_the_body_in_the_put at_once_with_post in_chunks_with_status
        chunks_out_of_order_are_416 chunks_that_lie_about_their_length wrong_digest_publishes_nothing
        an_empty_blob cancelled unknown_and_moved_uploads sha512 mounts parameters_in_a_body_do_not_mount
        doubled_parameters parallel_pushes_of_one_blob two_requests_on_one_upload a_body_that_breaks_off_is_resumed;
    blobs: ranges conditions deleted head_equals_get of_another_repository;
    manifests: by_tag_and_digest media_types accept_is_negotiated what_is_missing_is_named
        type_confusion_is_refused too_large tags_move_atomically deleted_by_tag_and_digest several_tags_at_once
        indexes digest_must_match;
    listing: tags_are_sorted_and_paged the_catalog_is_paged extreme_numbers unknown_repositories;
    referrers: listed_and_filtered fallback_tags_are_merged of_nothing;
}

/// What every registry must do, asked of one that is not ours.
#[tokio::test]
async fn another_registry() {
    let url = rack_gateway::config::Env::get(&rack_gateway::config::ProcessEnv, "TEST_REGISTRY_URL");
    let Some(url) = url else { return };
    let target = Target::open(&url);
    conformance::routes::ping(&target).await;
    conformance::uploads::in_one_patch(&target).await;
    conformance::uploads::with_the_body_in_the_put(&target).await;
    conformance::uploads::in_chunks_with_status(&target).await;
    conformance::uploads::wrong_digest_publishes_nothing(&target).await;
    conformance::uploads::cancelled(&target).await;
    conformance::blobs::conditions(&target).await;
    conformance::manifests::by_tag_and_digest(&target).await;
    conformance::manifests::what_is_missing_is_named(&target).await;
}
