//! What is known of an operation before and after it: webhooks are told, uploads are joined with the manifests that need
//! them, and it is counted.

use super::{
    body,
    demands::RegistryCall,
    refused::Refused,
    story::{NO_AUDIT, RegistryPipeline},
};
use crate::{
    audit::Scope,
    notify::webhook::{Action, Announced, Asked, Happening, Touched},
    policy::Permit,
    registry::{
        self, ErrorCode, Operation, Problem, Terms,
        model::{MAX_MANIFEST_BYTES, Reference, Start, Tag},
    },
};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;

/// Layers of a manifest that are joined with their uploads.
const JOINED: usize = 64;

#[derive(Default, Deserialize)]
struct Parts {
    config: Option<Part>,
    #[serde(default)]
    layers: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    digest: String,
}

impl RegistryPipeline {
    /// Lets the registry answer. What changes is written down for webhooks before, and settled after.
    pub(super) async fn tell(
        &self,
        scope: &mut Scope,
        permit: Permit<RegistryCall>,
        headers: HeaderMap,
        mut body: registry::Body,
        terms: Terms,
    ) -> Result<Response<registry::Body>, Refused> {
        let operation = permit.call().operation.clone();
        if let Operation::ManifestPut { repository, .. } = &operation {
            let (manifest, again) = whole(body).await?;
            scope.uploads = self.uploads(repository.as_str(), &manifest).await;
            body = again;
        }
        let size = body.size_hint().exact();
        let announced = Box::pin(self.announce(scope, &operation, &headers, size)).await?;
        let answer = self.send(permit, headers, body, terms).await;
        self.webhooks.settle(announced, answer.status().is_success()).await;
        if answer.status().is_success() {
            let opened = answer.headers().get("docker-upload-uuid").and_then(|id| id.to_str().ok());
            self.note(scope, &operation, answer.status(), opened.map(str::to_owned)).await;
        }
        Ok(answer)
    }

    async fn announce(
        &self,
        scope: &Scope,
        operation: &Operation,
        headers: &HeaderMap,
        size: Option<u64>,
    ) -> Result<Announced, Refused> {
        let (action, targets) = match operation {
            Operation::ManifestPut { .. } => (Action::Push, self.pushed(scope, operation, headers, size)),
            Operation::ManifestDelete { .. } => (Action::Delete, self.deleted(operation).await),
            _ => return Ok(Announced::default()),
        };
        let happenings: Vec<_> = targets
            .into_iter()
            .map(|target| Happening {
                action,
                target,
                request: self.asked(scope),
                actor: scope.user_email().to_owned(),
            })
            .collect();
        self.webhooks.announce(&happenings).await.map_err(|error| {
            tracing::error!(%error, "what webhooks are to be told cannot be written down");
            Problem::new(ErrorCode::Unavailable, NO_AUDIT).into()
        })
    }

    /// One for each tag, or one without a tag.
    fn pushed(
        &self,
        scope: &Scope,
        operation: &Operation,
        headers: &HeaderMap,
        size: Option<u64>,
    ) -> Vec<Touched> {
        let Operation::ManifestPut { repository, reference, tags } = operation else { return Vec::new() };
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.to_string()),
            Reference::Tag(_) => scope.changes.clone(),
        };
        let media_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let touched = |tag: Option<&Tag>| Touched {
            media_type: media_type.map(str::to_owned),
            size,
            length: size,
            url: digest.as_ref().map(|digest| self.address(repository.as_str(), digest)),
            digest: digest.clone(),
            repository: repository.to_string(),
            tag: tag.map(ToString::to_string),
        };
        let named = match reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        let tagged: Vec<_> = named.into_iter().chain(tags).map(|tag| touched(Some(tag))).collect();
        if tagged.is_empty() { vec![touched(None)] } else { tagged }
    }

    async fn deleted(&self, operation: &Operation) -> Vec<Touched> {
        let Operation::ManifestDelete { repository, reference } = operation else { return Vec::new() };
        let (tag, digest) = match reference {
            Reference::Digest(digest) => (None, Some(digest.to_string())),
            Reference::Tag(tag) => {
                let (repository, reference) = (repository.clone(), reference.clone());
                let there = self.digest_of(Operation::ManifestHead { repository, reference }).await;
                (Some(tag.to_string()), there)
            }
        };
        let repository = repository.to_string();
        vec![Touched { media_type: None, size: None, length: None, url: None, digest, repository, tag }]
    }

    fn asked(&self, scope: &Scope) -> Asked {
        let seen = scope.seen();
        let useragent = seen.user_agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        Asked {
            id: seen.request_id,
            addr: seen.ip,
            host: self.public_url.host().to_owned(),
            method: seen.method.to_string(),
            useragent: useragent.unwrap_or_default().chars().take(200).collect(),
        }
    }

    fn address(&self, repository: &str, digest: &str) -> String {
        self.public_url.join(&format!("/v2/{repository}/manifests/{digest}"))
    }

    /// `digest=request id` of the blobs of a manifest, as far as it is known who brought them.
    async fn uploads(&self, repository: &str, manifest: &Bytes) -> Option<String> {
        let parts: Parts = serde_json::from_slice(manifest).unwrap_or_default();
        let digests: Vec<_> =
            parts.config.into_iter().chain(parts.layers).take(JOINED).map(|part| part.digest).collect();
        let found = self.db.uploads_of(repository, &digests).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the uploads of a manifest cannot be looked up");
            Vec::new()
        });
        let texts: Vec<_> = found.iter().map(|row| format!("{}={}", row.digest, row.request_id)).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    /// What came of it. `opened` is the upload that the answer speaks of.
    async fn note(&self, scope: &Scope, operation: &Operation, status: StatusCode, opened: Option<String>) {
        let moved = || scope.traffic().bytes_in();
        match operation {
            Operation::ManifestGet { repository, .. } => self.measures.pulled(repository.as_str()),
            Operation::ManifestPut { repository, .. } => self.measures.pushed(repository.as_str()),
            Operation::UploadPatch { upload, .. } => self.measures.upload_grew(&upload.to_string(), moved()),
            Operation::UploadPut { repository, upload, digest } => {
                self.measures.upload_closed(&upload.to_string(), moved());
                self.brought(scope, repository.as_str(), &digest.to_string()).await;
            }
            Operation::UploadStart { repository, start: Start::Whole(digest) }
                if status == StatusCode::CREATED =>
            {
                self.brought(scope, repository.as_str(), &digest.to_string()).await;
            }
            Operation::UploadStart { .. } if status == StatusCode::ACCEPTED => {
                if let Some(upload) = opened {
                    self.measures.upload_opened(&upload);
                }
            }
            _ => {}
        }
    }

    async fn brought(&self, scope: &Scope, repository: &str, digest: &str) {
        let noted = self.db.note_upload(repository, digest, scope.request_id(), self.clock.now()).await;
        if let Err(error) = noted {
            // The upload itself is on record all the same.
            tracing::warn!(%error, "an upload cannot be joined with its manifest");
        }
    }
}

/// A manifest, and a body of it for the registry.
async fn whole(manifest: registry::Body) -> Result<(Bytes, registry::Body), Refused> {
    let bytes = body::read(manifest, MAX_MANIFEST_BYTES).await.map_err(|_| {
        Refused::from(Problem::new(ErrorCode::ManifestInvalid, "the manifest broke off before its end"))
    })?;
    let again = Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync();
    Ok((bytes, again))
}
