//! Resources of an app and of the rack. What describes one has its URL, and the URL has its password.

use super::super::{
    Reply::Stream,
    Route,
    StreamKind::Console,
    route::{delete, get, options, post, put, socket},
};
use crate::policy::Permission::*;

#[rustfmt::skip]
pub(super) static RESOURCES: &[Route] = &[
    get("/apps/{app}/resources", "resource.list", &[ResourceList]),
    get("/apps/{app}/resources/{name}", "resource.read", &[ResourceRead]),
    get("/apps/{app}/resources/{name}/data", "resource.export", &[ResourceExport]).replies(Stream),
    put("/apps/{app}/resources/{name}/data", "resource.import", &[ResourceImport]).raw(),
    socket("/apps/{app}/resources/{name}/console", "resource.console", &[ResourceConsole], Console)
        .headers(&["Height", "Width"]),
    get("/resources", "resource.list", &[ResourceList]),
    options("/resources", "resource.types", &[ResourceList]),
    post("/resources", "resource.create", &[ResourceCreate]).form(&["kind", "name", "parameters"]),
    get("/resources/{name}", "resource.read", &[ResourceRead]),
    put("/resources/{name}", "resource.update", &[ResourceUpdate]).form(&["parameters"]),
    delete("/resources/{name}", "resource.delete", &[ResourceDelete]),
    post("/resources/{name}/links", "resource.link", &[ResourceUpdate]).form(&["app"]),
    delete("/resources/{name}/links/{app}", "resource.unlink", &[ResourceUpdate]).about("name"),
];
