//! A registry elsewhere, behind ours: each operation is asked of it anew, in words of our own. What it answers is
//! relayed when it is the protocol's, and its addresses, credentials and troubles stay behind. What it lacks, such as
//! the list of referrers, is made up for.

mod answer;
mod blobs;
mod client;
mod failure;
mod ledger;
mod listing;
mod login;
mod manifests;
mod open;
mod parts;
mod referrers;
mod scrape;
mod upload_body;
mod uploads;
mod usage;
mod way;

pub use client::Redirects;
pub use login::{Login, Signer};
pub use open::{Behind, OpenError, Options};
pub use scrape::Scrape;

use super::{
    backend::{self, Backend, Body, Request, Unhealthy},
    error::{Problem, Result},
    leases::Leases,
    model::{Operation, Start},
    respond::json,
};
use client::Client;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use ledger::Ledger;
use std::{sync::Arc, time::Duration};

/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    ledger: Ledger,
    leases: Leases,
}

/// Below the second that load balancers grant.
const HEALTH: Duration = Duration::from_millis(900);

impl Proxy {
    /// Forgets uploads that rested for longer.
    pub async fn forget_uploads(&self, resting: Duration) -> Result<u64> {
        self.0.ledger.sweep(resting).await
    }
}

impl Backend for Proxy {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response<Body>> {
        let inner = self.0.clone();
        Box::pin(async move {
            if !request.operation.is_change() {
                return inner.carry_out(request).await.unwrap_or_else(Problem::into_response);
            }
            backend::to_its_end(async move { inner.carry_out(request).await }).await
        })
    }

    fn usage<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.usage(namespace))
    }

    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>> {
        Box::pin(async {
            let unhealthy = |words: &str| Err(Unhealthy(words.to_owned()));
            match tokio::time::timeout(HEALTH, self.0.client.ping()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(failure)) => unhealthy(failure.in_public()),
                Err(_) => unhealthy("ETIMEDOUT: connection timed out"),
            }
        })
    }
}

impl Inner {
    /// Each future is boxed, for they differ much in size.
    async fn carry_out(&self, request: Request) -> Result<Response<Body>> {
        use Operation as Op;
        let Request { operation, headers, body, terms } = request;
        let (headers, terms) = (&headers, &terms);
        let work: BoxFuture<'_, Result<Response<Body>>> = match &operation {
            Op::Ping => Box::pin(async { Ok(json(StatusCode::OK, &serde_json::json!({})).done()) }),
            Op::Catalog { page } => Box::pin(self.catalog(page)),
            Op::Tags { repository, page } => Box::pin(self.list_tags(repository, page)),
            Op::ManifestGet { repository, reference } => {
                Box::pin(self.get_manifest(repository, reference, headers, terms))
            }
            Op::ManifestHead { repository, reference } => {
                Box::pin(self.head_manifest(repository, reference, headers, terms))
            }
            Op::ManifestPut { repository, reference, tags } => {
                Box::pin(self.put_manifest(repository, reference, tags, headers, body, terms))
            }
            Op::ManifestDelete { repository, reference } => {
                Box::pin(self.delete_manifest(repository, reference, terms))
            }
            Op::BlobGet { repository, digest } => Box::pin(self.get_blob(repository, digest, headers, terms)),
            Op::BlobHead { repository, digest } => Box::pin(self.head_blob(repository, digest, terms)),
            Op::BlobDelete { repository, digest } => Box::pin(self.delete_blob(repository, digest, terms)),
            Op::UploadStart { repository, start: Start::Whole(digest) } => {
                Box::pin(self.upload_whole(repository, digest, headers, body, terms))
            }
            Op::UploadStart { repository, start } => {
                Box::pin(self.start_upload(repository, start, headers, body, terms))
            }
            Op::UploadStatus { repository, upload } => {
                Box::pin(self.upload_status(repository, *upload, terms))
            }
            Op::UploadPatch { repository, upload } => {
                Box::pin(self.patch_upload(repository, *upload, headers, body, terms))
            }
            Op::UploadPut { repository, upload, digest } => {
                Box::pin(self.put_upload(repository, *upload, digest, headers, body, terms))
            }
            Op::UploadCancel { repository, upload } => {
                Box::pin(self.cancel_upload(repository, *upload, terms))
            }
            Op::Referrers { repository, digest, artifact_type, after } => {
                Box::pin(self.referrers(repository, digest, artifact_type.as_deref(), after.as_ref(), terms))
            }
        };
        work.await
    }
}
