//! The registry that needs nothing else: content and links as objects in a directory or in a bucket. Any number of
//! processes may serve the same objects; those that share a database agree there on who collects garbage, and when.

mod blobs;
mod cache;
mod catalog;
mod gate;
mod gc;
mod health;
mod layout;
mod links;
mod manifests;
mod open;
mod read;
mod referrers;
mod storage;
mod tags;
mod uploads;
mod usage;

pub use gc::{Collected, Collection, Keep};
pub use open::{OpenError, Options, Place};
pub use storage::StorageError;

use super::{
    backend::{self, Backend, Body, Request, Unhealthy},
    error::{ErrorCode, Problem, Result},
    leases::Leases,
    model::{Operation, Start},
    respond::{Answer, json},
};
use crate::core::SharedClock;
use cache::Descriptors;
use futures_util::future::BoxFuture;
use gate::Gate;
use http::{Response, StatusCode};
use std::sync::Arc;
use storage::Storage;
use uploads::Uploads;

/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Embedded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    storage: Arc<Storage>,
    uploads: Uploads,
    descriptors: Descriptors,
    /// Held shared while links are made or used for a manifest, alone while the collector deletes something.
    gate: Gate,
    leases: Option<Leases>,
    watch: gc::Watch,
    clock: SharedClock,
}

impl Backend for Embedded {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response<Body>> {
        let inner = self.0.clone();
        Box::pin(async move {
            if !request.operation.is_change() {
                return inner.carry_out(request).await.unwrap_or_else(Problem::into_response);
            }
            backend::to_its_end(async move { inner.change(request).await }).await
        })
    }

    fn usage<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.usage(namespace))
    }

    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>> {
        Box::pin(health::look(&self.0.storage))
    }
}

impl Inner {
    async fn change(&self, request: Request) -> Result<Response<Body>> {
        // Objects that were made now would hide that the storage is not there.
        if matches!(request.operation, Operation::UploadStart { .. } | Operation::ManifestPut { .. })
            && health::look(&self.storage).await.is_err()
        {
            let message = "the storage of the registry cannot be reached; try again later";
            return Err(Problem::new(ErrorCode::Unavailable, message));
        }
        self.carry_out(request).await
    }

    /// Each future is boxed, for they differ much in size.
    async fn carry_out(&self, request: Request) -> Result<Response<Body>> {
        use Operation as Op;
        let Request { operation, headers, body, terms } = request;
        let work: BoxFuture<'_, Result<Response<Body>>> = match &operation {
            Op::Ping => Box::pin(async { Ok(json(StatusCode::OK, &serde_json::json!({})).done()) }),
            Op::Catalog { page } => Box::pin(self.catalog(page)),
            Op::Tags { repository, page } => Box::pin(self.list_tags(repository, page)),
            Op::ManifestGet { repository, reference } => {
                Box::pin(self.get_manifest(repository, reference, &headers))
            }
            Op::ManifestHead { repository, reference } => {
                Box::pin(self.head_manifest(repository, reference, &headers))
            }
            Op::ManifestPut { repository, reference, tags } => {
                Box::pin(self.put_manifest(repository, reference, tags, &headers, body, &terms))
            }
            Op::ManifestDelete { repository, reference } => {
                Box::pin(self.delete_manifest(repository, reference))
            }
            Op::BlobGet { repository, digest } => Box::pin(self.get_blob(repository, digest, &headers)),
            Op::BlobHead { repository, digest } => Box::pin(self.head_blob(repository, digest)),
            Op::BlobDelete { repository, digest } => Box::pin(self.delete_blob(repository, digest)),
            Op::UploadStart { repository, start: Start::Whole(digest) } => {
                Box::pin(self.upload_whole(repository, digest, &headers, body, &terms))
            }
            Op::UploadStart { repository, start } => {
                Box::pin(self.start_upload(repository, start, &headers, body, &terms))
            }
            Op::UploadStatus { repository, upload } => {
                Box::pin(self.upload_status(repository, *upload, &terms))
            }
            Op::UploadPatch { repository, upload } => {
                Box::pin(self.patch_upload(repository, *upload, &headers, body, &terms))
            }
            Op::UploadPut { repository, upload, digest } => {
                Box::pin(self.put_upload(repository, *upload, digest, &headers, body, &terms))
            }
            Op::UploadCancel { repository, upload } => {
                Box::pin(self.cancel_upload(repository, *upload, &terms))
            }
            Op::Referrers { repository, digest, artifact_type, after } => {
                Box::pin(self.referrers(repository, digest, artifact_type.as_deref(), after.as_ref()))
            }
        };
        work.await
    }
}

fn accepted() -> Response<Body> {
    Answer::new(StatusCode::ACCEPTED).length(0).done()
}
