//! The storage is looked at, and its return is noticed without a restart.

use super::Own;
use rack_gateway::registry::{Backend as _, backend::Unhealthy};
use std::fs;

#[tokio::test]
async fn the_storage_goes_away_and_returns() {
    let own = Own::start().await;
    let health = || own.server.embedded.health();
    assert_eq!(health().await, Ok(()));
    let sentinel = own.root.path().join(".healthcheck");
    let bytes = fs::read(&sentinel).unwrap();
    fs::remove_file(&sentinel).unwrap();
    let unhealthy: Unhealthy = health().await.unwrap_err();
    assert_eq!(unhealthy.to_string(), "Storage health check failed: ENOENT: no such file or directory");
    fs::write(&sentinel, bytes).unwrap();
    assert_eq!(health().await, Ok(()));

    let away = own.root.path().with_extension("away");
    fs::rename(own.root.path(), &away).unwrap();
    assert_eq!(health().await.unwrap_err(), unhealthy);
    // A file in its place is no storage either.
    fs::write(own.root.path(), "").unwrap();
    assert!(health().await.unwrap_err().to_string().starts_with("Storage health check failed: E"));
    fs::remove_file(own.root.path()).unwrap();
    fs::rename(&away, own.root.path()).unwrap();
    assert_eq!(health().await, Ok(()));
}
