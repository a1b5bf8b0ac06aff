//! Whether the storage is there: a small object made at the first start must be. If a volume is not mounted, the
//! directory may well exist, but not that object.

use super::{
    layout,
    storage::{Storage, StorageError},
};
use crate::registry::backend::Unhealthy;
use std::{io, time::Duration};
use tokio::time::timeout;

/// Below the second that load balancers grant.
const PATIENCE: Duration = Duration::from_millis(900);

pub(super) async fn look(storage: &Storage) -> Result<(), Unhealthy> {
    match timeout(PATIENCE, storage.stat(&layout::sentinel())).await {
        Ok(Ok(Some(_))) => Ok(()),
        Ok(Ok(None)) => Err(unhealthy("ENOENT: no such file or directory")),
        Ok(Err(error)) => Err(unhealthy(words(&error))),
        Err(_) => Err(unhealthy("ETIMEDOUT: connection timed out")),
    }
}

fn unhealthy(words: &str) -> Unhealthy {
    Unhealthy(words.to_owned())
}

/// The name and the text that POSIX has for it, as monitoring knows them.
fn words(error: &StorageError) -> &'static str {
    let Some(error) = error.io() else { return "EIO: i/o error" };
    match error.kind() {
        io::ErrorKind::NotFound => "ENOENT: no such file or directory",
        io::ErrorKind::PermissionDenied => "EACCES: permission denied",
        io::ErrorKind::NotADirectory => "ENOTDIR: not a directory",
        io::ErrorKind::StorageFull => "ENOSPC: no space left on device",
        io::ErrorKind::ReadOnlyFilesystem => "EROFS: read-only file system",
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED: connection refused",
        io::ErrorKind::TimedOut => "ETIMEDOUT: connection timed out",
        _ => "EIO: i/o error",
    }
}
