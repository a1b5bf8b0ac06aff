//! Whether this replica can serve, as probes ask it. No check takes a query of its own: the tasks that keep the
//! access snapshot young and the audit log written know already.

use crate::{
    audit::Audit,
    core::{SharedClock, drain::Drain},
    directory::Directory,
    gateway::Body,
    identity::AccessCache,
    registry::Backend,
};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

#[derive(Clone, Debug)]
pub struct Health {
    pub audit: Audit,
    pub access: Arc<AccessCache>,
    pub drain: Drain,
    pub directory: Directory,
    pub clock: SharedClock,
    /// The registry, when there is one.
    pub registry: Option<Arc<dyn Backend>>,
    /// The file that must be there, when the database is one.
    pub database_file: Option<PathBuf>,
}

impl Health {
    /// True when the next request would be served.
    pub fn is_ready(&self) -> bool {
        !self.drain.is_leaving() && self.audit.is_available() && self.access.current().is_ok()
    }

    /// `/api/v1/health` and `/readyz`: exactly `{"status":"ok"}`, or 503. While the directory serves its last state
    /// because the database does not answer, `"directory":"stale"` stands in it, too.
    pub fn ready(&self) -> Response<Body> {
        let stale = self.directory.snapshot().is_stale(self.clock.now());
        let (status, word) = match self.is_ready() {
            true => (StatusCode::OK, "ok"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "error"),
        };
        let mut document = json!({ "status": word });
        if let (true, Some(fields)) = (stale, document.as_object_mut()) {
            fields.insert("directory".to_owned(), "stale".into());
        }
        answer(status, &document)
    }

    /// `/api/v1/health/live` and `/livez`.
    pub fn live() -> Response<Body> {
        answer(StatusCode::OK, &json!({ "status": "ok" }))
    }

    /// `/health`: the checks by name.
    pub async fn checks(&self) -> Response<Body> {
        let checks = [
            ("storage", self.storage().await),
            ("database", self.access.current().map(drop).map_err(|stale| stale.to_string())),
            ("directory", self.directory_is_fresh()),
            ("audit", self.audit.is_available().then_some(()).ok_or_else(|| "cannot be written".to_owned())),
        ];
        let healthy = checks.iter().all(|(_, check)| check.is_ok());
        let checks: serde_json::Map<String, Value> =
            checks.iter().map(|(name, check)| ((*name).to_owned(), shown(check))).collect();
        let (status, word) = match healthy {
            true => (StatusCode::OK, "ok"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "error"),
        };
        answer(status, &json!({ "status": word, "checks": checks }))
    }

    fn directory_is_fresh(&self) -> Result<(), String> {
        let age = self.clock.now().since(self.directory.snapshot().taken_at);
        if self.directory.snapshot().is_stale(self.clock.now()) {
            return Err(format!("not confirmed by the database for {} seconds", age.as_secs()));
        }
        Ok(())
    }

    async fn storage(&self) -> Result<(), String> {
        if let Some(file) = &self.database_file
            && let Err(error) = tokio::fs::metadata(file).await
        {
            return Err(format!("Storage health check failed: {}", named(&error)));
        }
        match &self.registry {
            Some(registry) => registry.health().await.map_err(|unhealthy| unhealthy.to_string()),
            None => Ok(()),
        }
    }
}

/// The published form: the POSIX name, then the words.
fn named(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "ENOENT: no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "EACCES: permission denied".to_owned(),
        _ => "EIO: i/o error".to_owned(),
    }
}

fn shown(check: &Result<(), String>) -> Value {
    match check {
        Ok(()) => json!({ "status": "ok" }),
        Err(error) => json!({ "status": "error", "error": error }),
    }
}

fn answer(status: StatusCode, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
