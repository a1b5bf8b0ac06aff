//! Processes: listed, started, entered, stopped, and files copied in and out of them.

use super::{
    super::{
        Reply::Stream,
        Route,
        StreamKind::{Exec, Logs},
        route::{delete, get, post, socket},
    },
    LOG_OPTIONS,
};
use crate::policy::Permission::*;

/// A process to run is described by headers alone; its body is empty.
const RUN_OPTIONS: &[&str] = &[
    "Command",
    "Cpu",
    "Cpu-Limit",
    "Memory",
    "Memory-Limit",
    "Gpu",
    "Gpu-Vendor",
    "Environment",
    "Image",
    "Release",
    "Volumes",
    "Use-Service-Volume",
    "Privileged",
    "Node-Labels",
    "System-Critical",
    "Height",
    "Width",
];

#[rustfmt::skip]
pub(super) static PROCESSES: &[Route] = &[
    get("/apps/{app}/processes", "process.list", &[ProcessList]).query(&["release", "service"]),
    get("/apps/{app}/processes/{pid}", "process.read", &[ProcessRead]),
    delete("/apps/{app}/processes/{pid}", "process.terminate", &[ProcessTerminate]),
    post("/apps/{app}/services/{service}/processes", "process.start", &[ProcessStart]).headers(RUN_OPTIONS),
    socket("/apps/{app}/processes/{pid}/exec", "process.exec", &[ProcessExec], Exec)
        .headers(&["Command", "Entrypoint", "Height", "Width", "Tty", "Disable-Stdin"]),
    socket("/apps/{app}/processes/{pid}/logs", "log.read", &[LogRead], Logs).headers(LOG_OPTIONS),
    get("/apps/{app}/processes/{pid}/files", "file.read", &[FileRead]).query(&["file"]).replies(Stream),
    post("/apps/{app}/processes/{pid}/files", "file.write", &[FileWrite]).query(&["tar-extra"]).raw(),
    delete("/apps/{app}/processes/{pid}/files", "file.delete", &[FileDelete]).query(&["files"]),
];
