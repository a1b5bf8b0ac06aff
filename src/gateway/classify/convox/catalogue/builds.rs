//! Builds: made from source or an image, exported and imported as archives.

use super::{
    super::{
        Reply::Stream,
        Route,
        StreamKind::Logs,
        route::{get, post, put, socket},
    },
    LOG_OPTIONS,
};
use crate::policy::Permission::*;

const BUILD_FIELDS: &[&str] = &[
    "url",
    "description",
    "manifest",
    "no-cache",
    "development",
    "external",
    "wildcard-domain",
    "build-args",
    "git-sha",
];

#[rustfmt::skip]
pub(super) static BUILDS: &[Route] = &[
    get("/apps/{app}/builds", "build.list", &[BuildList]).query(&["limit"]),
    post("/apps/{app}/builds", "build.create", &[BuildCreate]).form(BUILD_FIELDS),
    get("/apps/{app}/builds/{id}.tgz", "build.export", &[BuildRead]).replies(Stream),
    get("/apps/{app}/builds/{id}", "build.read", &[BuildRead]),
    put("/apps/{app}/builds/{id}", "build.update", &[BuildUpdate])
        .form(&["ended", "entrypoint", "logs", "manifest", "release", "started", "status"]),
    post("/apps/{app}/builds/import", "build.import", &[BuildCreate]).raw(),
    post("/apps/{app}/builds/{id}/cancel", "build.cancel", &[BuildUpdate]),
    post("/apps/{app}/builds/{id}/image", "build.import-image", &[BuildCreate])
        .form(&["image", "src-creds-user", "src-creds-pass"]),
    socket("/apps/{app}/builds/{id}/logs", "log.read", &[LogRead], Logs).headers(LOG_OPTIONS),
];
