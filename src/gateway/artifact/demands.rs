//! What an operation needs: permissions on namespaces and packages.

use super::Operation;
use crate::{
    policy::{Demand, Demanding, Permission, Target},
    upstream::Outbound,
};
use http::{HeaderMap, Method};

/// An operation with its demand, as it will be sent.
#[derive(Debug)]
pub struct ArtifactCall {
    pub operation: Operation,
    demands: [Demand; 1],
    method: Method,
    path: String,
    headers: HeaderMap,
}

impl ArtifactCall {
    /// `None` for what needs no permission, and for what names its package only in its body.
    pub fn read(operation: Operation, method: Method, headers: HeaderMap) -> Result<Self, Operation> {
        match operation.reads() {
            Some(target) => Ok(Self::on(Permission::ArtifactRead, &target, operation, method, headers)),
            None => Err(operation),
        }
    }

    /// `package` is where the archive says that it belongs: `team/quality/husky`.
    pub fn publish(package: &str, headers: HeaderMap) -> Self {
        Self::on(Permission::ArtifactPublish, package, Operation::Publish, Method::POST, headers)
    }

    fn on(
        permission: Permission,
        target: &str,
        operation: Operation,
        method: Method,
        headers: HeaderMap,
    ) -> Self {
        let demands = [demand(permission, target)];
        let path = operation.path();
        Self { operation, demands, method, path, headers }
    }
}

pub fn demand(permission: Permission, target: &str) -> Demand {
    Demand { permission, target: Target::artifact(target) }
}

impl Demanding for ArtifactCall {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

impl Outbound for ArtifactCall {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path_and_query(&self) -> &str {
        &self.path
    }

    fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    fn is_websocket(&self) -> bool {
        false
    }
}
