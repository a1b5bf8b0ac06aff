//! Releases. Each carries the app's whole environment in clear, so every reply with one is masked.

use super::super::{
    Reply::{Release, Releases},
    Route,
    route::{get, post},
};
use crate::policy::Permission::*;

#[rustfmt::skip]
pub(super) static RELEASES: &[Route] = &[
    get("/apps/{app}/releases", "release.list", &[ReleaseList]).query(&["limit"]).replies(Releases),
    post("/apps/{app}/releases", "release.create", &[ReleaseCreate])
        .form(&["build", "description", "env", "parent-release"]).replies(Release),
    get("/apps/{app}/releases/{id}", "release.read", &[ReleaseRead]).replies(Release),
    post("/apps/{app}/releases/{id}/promote", "release.promote", &[ReleasePromote])
        .form(&["force", "idle", "min", "max", "timeout", "development"]),
];
