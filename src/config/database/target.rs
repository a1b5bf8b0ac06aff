//! Database URLs. PostgreSQL URLs are kept whole for the driver, SQLite ones are reduced to their path.

use crate::{
    config::values::{self, Checked},
    core::Secret,
};
use std::path::PathBuf;
use url::Url;

#[derive(Debug, Clone)]
pub enum DatabaseTarget {
    Sqlite {
        path: PathBuf,
    },
    /// `postgres://…`, with the password and `sslmode` that are in force.
    Postgres {
        url: Secret,
    },
}

pub(super) const SSL_MODES: [(&str, &str); 6] = [
    ("disable", "disable"),
    ("allow", "allow"),
    ("prefer", "prefer"),
    ("require", "require"),
    ("verify-ca", "verify-ca"),
    ("verify-full", "verify-full"),
];

impl DatabaseTarget {
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// For people: engine and place, without user and password.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite { path } => format!("SQLite at {}", path.display()),
            Self::Postgres { url } => match Url::parse(url.expose()) {
                Ok(url) => {
                    let port = url.port().unwrap_or(5432);
                    format!("PostgreSQL at {}:{port}{}", url.host_str().unwrap_or("localhost"), url.path())
                }
                Err(_) => "PostgreSQL".into(),
            },
        }
    }

    /// Errors never repeat the text: it may hold a password.
    pub(super) fn parse(text: &str) -> Checked<Self> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = sqlite_path(rest.strip_prefix("//").unwrap_or(rest))?;
            return Ok(Self::Sqlite { path });
        }
        let url = Url::parse(text).map_err(|error| {
            format!(
                "is not a URL ({error}); write for example postgres://user:password@host:5432/name and \
                 percent-encode special characters"
            )
        })?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            let scheme = url.scheme();
            return Err(format!(
                "begins with {scheme}:, which is not supported; write a postgres:// or sqlite:// URL"
            ));
        }
        if let Some((_, mode)) = url.query_pairs().find(|(key, _)| is_ssl_mode(key)) {
            values::choice(&SSL_MODES)(&mode).map_err(|invalid| format!("has an sslmode that {invalid}"))?;
        }
        Ok(Self::Postgres { url: Secret::new(text) })
    }

    pub(super) fn with_ssl_mode(self, mode: Option<&'static str>) -> Checked<Self> {
        let (Some(mode), Self::Postgres { url }) = (mode, &self) else { return Ok(self) };
        let mut url = Url::parse(url.expose()).map_err(|error| format!("is not a URL ({error})"))?;
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| !is_ssl_mode(key))
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair("sslmode", mode);
        Ok(Self::Postgres { url: Secret::new(url) })
    }

    pub(super) fn lacks_password(&self) -> bool {
        let Self::Postgres { url } = self else { return false };
        Url::parse(url.expose()).is_ok_and(|url| {
            url.password().is_none() && url.has_host() && !url.query_pairs().any(|(key, _)| key == "password")
        })
    }

    pub(super) fn with_password(self, password: Option<Secret>) -> Self {
        let (Some(password), Self::Postgres { url }) = (password, &self) else { return self };
        let Ok(mut url) = Url::parse(url.expose()) else { return self };
        match url.set_password(Some(password.expose())) {
            Ok(()) => Self::Postgres { url: Secret::new(url) },
            Err(()) => self,
        }
    }
}

/// The driver knows both spellings.
fn is_ssl_mode(key: &str) -> bool {
    matches!(key, "sslmode" | "ssl-mode")
}

pub(super) fn sqlite_path(text: &str) -> Checked<PathBuf> {
    if text.contains(":memory:") {
        return Err(
            "is a database in memory, which would be lost at the end; write the path of a file".into()
        );
    }
    if text.is_empty() || text.ends_with('/') || text.contains('?') {
        return Err(
            "does not name a file; write for example ./data/gateway.db or sqlite:///var/lib/gateway.db"
                .into(),
        );
    }
    values::path(text)
}

/// The `PG*` variables.
pub(super) struct Parts {
    /// A host, an address, or the directory of a socket.
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub database: Option<String>,
}

impl Parts {
    pub fn assemble(self) -> Checked<DatabaseTarget> {
        let is_socket = self.host.starts_with('/');
        let host = match self.host.as_str() {
            _ if is_socket => "localhost".to_owned(),
            host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
            host => host.to_owned(),
        };
        let bad_host = || "is not a host; write for example db.example.com or /var/run/postgresql".to_owned();
        let mut url = Url::parse("postgres://localhost").map_err(|error| error.to_string())?;
        url.set_host(Some(&host)).map_err(|_| bad_host())?;
        let settled = url.set_port(Some(self.port)).is_ok()
            && url.set_username(self.user.as_deref().unwrap_or_default()).is_ok()
            && url.set_password(self.password.as_ref().map(Secret::expose)).is_ok();
        if !settled || url.host_str().is_none_or(str::is_empty) {
            return Err(bad_host());
        }
        if let (Some(database), Ok(mut path)) = (self.database, url.path_segments_mut()) {
            path.clear().push(&database);
        }
        if is_socket {
            url.query_pairs_mut().append_pair("host", &self.host);
        }
        Ok(DatabaseTarget::Postgres { url: Secret::new(url) })
    }
}
