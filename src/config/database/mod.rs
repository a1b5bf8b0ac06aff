//! Which database, and how many connections to it.

mod target;

use super::{
    reader::{Place, Reader},
    values::{self, Checked, duration, number},
    variables::{
        ADMIN_DATABASE_URL, DATABASE_URL, DB_CONN_MAX_IDLE_TIME, DB_CONN_MAX_LIFETIME, DB_MAX_IDLE_CONNS,
        DB_MAX_OPEN_CONNS, GATEWAY_DATABASE_URL, PGDATABASE, PGHOST, PGPASSWORD, PGPORT, PGSSLMODE, PGUSER,
        RGW_DATABASE_URL, SQLITE_PATH, Variable,
    },
};
use std::time::Duration;
pub use target::DatabaseTarget;
use target::{Parts, SSL_MODES};

#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub target: DatabaseTarget,
    /// The same database with the right to change the schema; always PostgreSQL.
    pub admin: Option<DatabaseTarget>,
    pub pool: PoolConfig,
}

impl DatabaseConfig {
    /// What `migrate` connects to.
    pub fn migration_target(&self) -> &DatabaseTarget {
        self.admin.as_ref().unwrap_or(&self.target)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    pub max_open: u32,
    /// Never more than `max_open`.
    pub max_idle: u32,
    /// No limit when absent.
    pub max_lifetime: Option<Duration>,
    /// No limit when absent.
    pub max_idle_time: Option<Duration>,
}

pub(super) fn read(r: &mut Reader<'_>) -> Option<DatabaseConfig> {
    let ssl_mode = r.optional(&PGSSLMODE, values::choice(&SSL_MODES));
    let target = target(r, ssl_mode);
    let admin = r.optional(&ADMIN_DATABASE_URL, |text| DatabaseTarget::parse(text)?.with_ssl_mode(ssl_mode));
    let pool = pool(r);

    let target = target?;
    if admin.as_ref().is_some_and(|admin| !(admin.is_postgres() && target.is_postgres())) {
        let problem = "works with PostgreSQL only; write a postgres:// URL into both DATABASE_URL and this, or remove it";
        r.complain_about(&ADMIN_DATABASE_URL, problem.into());
    }
    Some(DatabaseConfig { target, admin, pool: pool? })
}

/// The environment is asked for all of them first, then the file, so that a shell can always point the
/// gateway elsewhere.
fn target(r: &mut Reader<'_>, ssl_mode: Option<&'static str>) -> Option<DatabaseTarget> {
    let urls = [&RGW_DATABASE_URL, &GATEWAY_DATABASE_URL, &DATABASE_URL];
    let url = urls.into_iter().find(|row| r.in_env(&Place::from(*row)));
    let host_in_env = r.in_env(&Place::from(&PGHOST));
    let path_in_env = r.in_env(&Place::from(&SQLITE_PATH));
    if path_in_env && (url.is_some() || host_in_env) {
        let stronger = url.unwrap_or(&PGHOST).name;
        r.warn_about(&Place::from(&SQLITE_PATH), &format!("has no effect, because {stronger} is set"));
    }
    match url {
        Some(row) => by_url(r, row, ssl_mode),
        None if host_in_env => by_parts(r, ssl_mode),
        None if path_in_env => by_path(r),
        None if r.is_set(&Place::from(&DATABASE_URL)) => by_url(r, &DATABASE_URL, ssl_mode),
        None => by_path(r),
    }
}

fn by_url(r: &mut Reader<'_>, row: &Variable, ssl_mode: Option<&'static str>) -> Option<DatabaseTarget> {
    let target = r.optional(row, |text| DatabaseTarget::parse(text)?.with_ssl_mode(ssl_mode))?;
    if target.lacks_password() {
        let password = r.optional(&PGPASSWORD, values::secret);
        return Some(target.with_password(password));
    }
    Some(target)
}

fn by_parts(r: &mut Reader<'_>, ssl_mode: Option<&'static str>) -> Option<DatabaseTarget> {
    let host = r.optional(&PGHOST, values::text);
    let port = r.required(&PGPORT, number(1..=65_535));
    let user = r.optional(&PGUSER, values::text);
    let password = r.optional(&PGPASSWORD, values::secret);
    let database = r.optional(&PGDATABASE, values::text);
    let parts = Parts { host: host?, port: port?, user, password, database };
    let assembled: Checked<_> = parts.assemble().and_then(|target| target.with_ssl_mode(ssl_mode));
    assembled.map_err(|problem| r.complain_about(&PGHOST, problem)).ok()
}

fn by_path(r: &mut Reader<'_>) -> Option<DatabaseTarget> {
    for row in [&PGUSER, &PGPASSWORD, &PGDATABASE] {
        let place = Place::from(row);
        if r.in_env(&place) {
            r.warn_about(&place, "has no effect without PGHOST; the embedded database is used");
        }
    }
    let path = r.required(&SQLITE_PATH, target::sqlite_path)?;
    Some(DatabaseTarget::Sqlite { path })
}

fn pool(r: &mut Reader<'_>) -> Option<PoolConfig> {
    let max_open: Option<u32> = r.required(&DB_MAX_OPEN_CONNS, number(1..=1_000));
    let max_idle: Option<u32> = r.required(&DB_MAX_IDLE_CONNS, number(0..=1_000));
    let max_lifetime = lifetime(r, &DB_CONN_MAX_LIFETIME);
    let max_idle_time = lifetime(r, &DB_CONN_MAX_IDLE_TIME);
    let max_open = max_open?;
    Some(PoolConfig {
        max_open,
        max_idle: max_idle?.min(max_open),
        max_lifetime: max_lifetime?,
        max_idle_time: max_idle_time?,
    })
}

/// `0` means that there is no limit.
fn lifetime(r: &mut Reader<'_>, row: &Variable) -> Option<Option<Duration>> {
    const MOST: Duration = Duration::from_secs(7 * 24 * 3_600);
    let span = r.required(row, duration(Duration::ZERO..=MOST))?;
    Some((!span.is_zero()).then_some(span))
}

#[cfg(test)]
mod tests;
