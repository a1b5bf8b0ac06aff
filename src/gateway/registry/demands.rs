//! What an operation needs: permissions on repositories.

use crate::{
    policy::{Demand, Demanding, MfaLevel, Permission, Target},
    registry::{Operation, model::RepositoryName},
};

/// An operation with its demands.
#[derive(Debug)]
pub struct RegistryCall {
    pub operation: Operation,
    demands: Vec<Demand>,
}

impl RegistryCall {
    /// `None` for what anybody who is known may do: ask whether this is a registry, and which repositories they
    /// may see.
    pub fn of(operation: Operation) -> Result<Self, Operation> {
        let Some(permission) = permission(&operation) else { return Err(operation) };
        let Some(repository) = operation.repository() else { return Err(operation) };
        let demands = vec![demand(permission, repository)];
        Ok(Self { operation, demands })
    }

    /// The same with one permission more on the repository.
    pub fn and(mut self, permission: Permission) -> Self {
        if let Some(repository) = self.operation.repository() {
            self.demands.push(demand(permission, repository));
        }
        self
    }

    /// What its most demanding permission asks of a person.
    pub fn mfa_level(&self) -> MfaLevel {
        self.demands.iter().map(|demand| demand.permission.mfa()).max().unwrap_or(MfaLevel::None)
    }
}

impl Demanding for RegistryCall {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

pub fn demand(permission: Permission, repository: &RepositoryName) -> Demand {
    Demand { permission, target: Target::repository(repository.as_str()) }
}

const fn permission(operation: &Operation) -> Option<Permission> {
    use Operation as Op;
    match operation {
        Op::Ping | Op::Catalog { .. } => None,
        Op::Tags { .. }
        | Op::ManifestGet { .. }
        | Op::ManifestHead { .. }
        | Op::BlobGet { .. }
        | Op::BlobHead { .. }
        | Op::Referrers { .. } => Some(Permission::RepoPull),
        Op::ManifestPut { .. }
        | Op::UploadStart { .. }
        | Op::UploadStatus { .. }
        | Op::UploadPatch { .. }
        | Op::UploadPut { .. }
        | Op::UploadCancel { .. } => Some(Permission::RepoPush),
        Op::ManifestDelete { .. } | Op::BlobDelete { .. } => Some(Permission::RepoDelete),
    }
}

/// Whether it is recorded before it is carried out. Parts of an upload change nothing that anybody can read.
pub const fn is_recorded_first(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::ManifestPut { .. } | Operation::ManifestDelete { .. } | Operation::BlobDelete { .. }
    )
}

/// Whether the bytes of a blob pass, so that it may last longer than the right to it.
pub const fn is_long(operation: &Operation) -> bool {
    use Operation as Op;
    matches!(
        operation,
        Op::BlobGet { .. } | Op::UploadStart { .. } | Op::UploadPatch { .. } | Op::UploadPut { .. }
    )
}
