//! What the audit record says of an operation.

use crate::{
    audit::Scope,
    policy::Demand,
    registry::{Operation, model::Mount, model::Start},
};
use std::borrow::Cow;

pub fn note(scope: &mut Scope, operation: &Operation) {
    scope.action_type = "registry";
    scope.resource_type = "repository";
    scope.action = Cow::Borrowed(action(operation));
    scope.route = route(operation);
    scope.resource = operation.repository().map(ToString::to_string).unwrap_or_default();
    scope.command = detail(operation);
}

pub fn note_demand(scope: &mut Scope, demand: &Demand) {
    scope.permission = Some(demand.permission);
    scope.target = Some(demand.target.clone());
}

/// The metrics' and the record's name of the route.
pub const fn route(operation: &Operation) -> &'static str {
    use Operation as Op;
    match operation {
        Op::Ping => "/v2/",
        Op::Catalog { .. } => "/v2/_catalog",
        Op::Tags { .. } => "/v2/{name}/tags/list",
        Op::ManifestGet { .. }
        | Op::ManifestHead { .. }
        | Op::ManifestPut { .. }
        | Op::ManifestDelete { .. } => "/v2/{name}/manifests/{reference}",
        Op::BlobGet { .. } | Op::BlobHead { .. } | Op::BlobDelete { .. } => "/v2/{name}/blobs/{digest}",
        Op::UploadStart { .. } => "/v2/{name}/blobs/uploads/",
        Op::UploadStatus { .. } | Op::UploadPatch { .. } | Op::UploadPut { .. } | Op::UploadCancel { .. } => {
            "/v2/{name}/blobs/uploads/{upload}"
        }
        Op::Referrers { .. } => "/v2/{name}/referrers/{digest}",
    }
}

const fn action(operation: &Operation) -> &'static str {
    use Operation as Op;
    match operation {
        Op::Ping => "registry.ping",
        Op::Catalog { .. } => "registry.catalog",
        Op::Tags { .. } => "repository.tags",
        Op::ManifestGet { .. } | Op::ManifestHead { .. } => "repository.pull",
        Op::ManifestPut { .. } => "repository.push",
        Op::ManifestDelete { .. } => "repository.delete",
        Op::BlobGet { .. } | Op::BlobHead { .. } => "blob.pull",
        Op::BlobDelete { .. } => "blob.delete",
        Op::UploadStart { start: Start::Mount(Mount::Granted { .. }), .. } => "blob.mount",
        Op::UploadStart { .. } | Op::UploadStatus { .. } | Op::UploadPatch { .. } => "blob.upload",
        Op::UploadPut { .. } => "blob.push",
        Op::UploadCancel { .. } => "blob.cancel",
        Op::Referrers { .. } => "repository.referrers",
    }
}

/// Tag, digest or upload, so that a manifest can be joined with what was uploaded for it.
fn detail(operation: &Operation) -> Option<String> {
    use Operation as Op;
    match operation {
        Op::ManifestGet { reference, .. }
        | Op::ManifestHead { reference, .. }
        | Op::ManifestPut { reference, .. }
        | Op::ManifestDelete { reference, .. } => Some(reference.to_string()),
        Op::BlobGet { digest, .. }
        | Op::BlobHead { digest, .. }
        | Op::BlobDelete { digest, .. }
        | Op::Referrers { digest, .. } => Some(digest.to_string()),
        Op::UploadPut { upload, digest, .. } => Some(format!("{upload} {digest}")),
        Op::UploadStatus { upload, .. }
        | Op::UploadPatch { upload, .. }
        | Op::UploadCancel { upload, .. } => Some(upload.to_string()),
        Op::UploadStart { start: Start::Mount(mount), .. } => {
            let (Mount::Asked { digest, from } | Mount::Granted { digest, from }) = mount;
            Some(format!("{digest} from {from}"))
        }
        Op::UploadStart { .. } | Op::Ping | Op::Catalog { .. } | Op::Tags { .. } => None,
    }
}
