use super::*;
use crate::config::testing::{error, errors_toml, load, load_toml};
use std::path::Path;

fn url(database: &DatabaseConfig) -> &str {
    match &database.target {
        DatabaseTarget::Postgres { url } => url.expose(),
        DatabaseTarget::Sqlite { path } => panic!("SQLite at {path:?}"),
    }
}

fn path(database: &DatabaseConfig) -> &Path {
    match &database.target {
        DatabaseTarget::Sqlite { path } => path,
        DatabaseTarget::Postgres { .. } => panic!("PostgreSQL"),
    }
}

#[test]
fn sqlite_needs_no_setting() {
    let database = load([]).database;
    assert_eq!(path(&database), Path::new("./data/gateway.db"));
    assert_eq!(database.pool.max_open, 10);
    assert_eq!(database.pool.max_idle, 2);
    assert_eq!(database.pool.max_lifetime, Some(Duration::from_secs(1_800)));
    assert_eq!(database.target.describe(), "SQLite at ./data/gateway.db");
}

#[test]
fn sqlite_urls() {
    for (value, expected) in [
        ("sqlite://data/x.db", "data/x.db"),
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:x.db", "x.db"),
        ("sqlite://./x.db", "./x.db"),
    ] {
        assert_eq!(path(&load([("DATABASE_URL", value)]).database), Path::new(expected), "{value}");
    }
    for bad in ["sqlite::memory:", "sqlite://", "sqlite:", "sqlite://data/", "sqlite://x.db?mode=ro"] {
        assert!(error([("DATABASE_URL", bad)]).starts_with("environment: DATABASE_URL: the value "), "{bad}");
    }
}

#[test]
fn the_ladder_of_urls() {
    let all = [
        ("RGW_DATABASE_URL", "postgres://u:p@one/db"),
        ("GATEWAY_DATABASE_URL", "postgres://u:p@two/db"),
        ("DATABASE_URL", "postgres://u:p@three/db"),
        ("PGHOST", "four"),
        ("SQLITE_PATH", "five"),
    ];
    let hosts = ["one", "two", "three", "four"];
    for (skip, host) in hosts.into_iter().enumerate() {
        let env =
            all.into_iter().skip(skip).fold(crate::config::MapEnv::default(), |env, (k, v)| env.with(k, v));
        let config = crate::config::Config::load(&env, None).unwrap();
        assert!(config.database.target.describe().contains(&format!("at {host}:5432")), "{skip}");
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    }
    assert_eq!(path(&load([("SQLITE_PATH", "five")]).database), Path::new("five"));
}

#[test]
fn a_path_in_the_environment_beats_a_url_in_the_file() {
    let file = "[database]\nurl = 'postgres://u:p@host/db'\nmax_open_conns = 5";
    assert_eq!(path(&load_toml([("SQLITE_PATH", "x.db")], file).database), Path::new("x.db"));
    let database = load_toml([], file).database;
    assert_eq!(url(&database), "postgres://u:p@host/db");
    assert_eq!(database.pool.max_open, 5);
}

#[test]
fn parts_are_assembled_and_encoded() {
    let database = load([
        ("PGHOST", "db.example.com"),
        ("PGPORT", "6432"),
        ("PGUSER", "me@home"),
        ("PGPASSWORD", "p/a?s#s"),
        ("PGDATABASE", "a/b"),
        ("PGSSLMODE", "require"),
    ])
    .database;
    assert_eq!(
        url(&database),
        "postgres://me%40home:p%2Fa%3Fs%23s@db.example.com:6432/a%2Fb?sslmode=require"
    );
    assert_eq!(database.target.describe(), "PostgreSQL at db.example.com:6432/a%2Fb");

    let socket = load([("PGHOST", "/var/run/postgresql"), ("PGUSER", "me")]).database;
    assert_eq!(url(&socket), "postgres://me@localhost:5432?host=%2Fvar%2Frun%2Fpostgresql");
    assert_eq!(url(&load([("PGHOST", "::1")]).database), "postgres://[::1]:5432");
    assert!(error([("PGHOST", "a b")]).starts_with("environment: PGHOST: is not a host"));
    assert!(
        error([("PGHOST", "a"), ("PGPORT", "0")]).starts_with("environment: PGPORT: \"0\" is out of range")
    );
}

#[test]
fn the_driver_reads_the_assembled_url() {
    let database =
        load([("PGHOST", "/tmp/pg"), ("PGUSER", "me"), ("PGPASSWORD", "p w"), ("PGDATABASE", "a b")])
            .database;
    let options: sqlx::postgres::PgConnectOptions = url(&database).parse().unwrap();
    assert_eq!(options.get_socket().map(|path| path.to_str().unwrap()), Some("/tmp/pg"));
    assert_eq!((options.get_username(), options.get_database()), ("me", Some("a b")));
}

#[test]
fn ssl_mode_replaces_the_one_of_the_url() {
    let given = "postgres://u:p@host/db?ssl-mode=disable&application_name=x";
    let database = load([("DATABASE_URL", given), ("PGSSLMODE", "verify-full")]).database;
    assert_eq!(url(&database), "postgres://u:p@host/db?application_name=x&sslmode=verify-full");
    assert!(error([("PGSSLMODE", "maybe")]).contains("write one of disable, allow"));
    assert!(
        error([("DATABASE_URL", "postgres://h/d?sslmode=maybe")])
            .contains("has an sslmode that is not known")
    );
}

#[test]
fn a_password_beside_the_url() {
    let database = load([("DATABASE_URL", "postgres://u@host/db"), ("PGPASSWORD", "p w")]).database;
    assert_eq!(url(&database), "postgres://u:p%20w@host/db");
    let database = load([("DATABASE_URL", "postgres://u:own@host/db"), ("PGPASSWORD", "other")]).database;
    assert_eq!(url(&database), "postgres://u:own@host/db");
}

#[test]
fn bad_urls_are_described_without_their_secret() {
    for (value, expected) in [
        ("hunter2", "is not a URL"),
        ("mysql://u:hunter2@host/db", "begins with mysql:, which is not supported"),
        ("postgres://u:hunter2@host:port/db", "is not a URL (invalid port number)"),
    ] {
        let error = error([("DATABASE_URL", value)]);
        assert!(error.starts_with(&format!("environment: DATABASE_URL: the value {expected}")), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn migrate_has_its_own_url() {
    let plain = load([("DATABASE_URL", "postgres://u:p@host/db")]).database;
    assert_eq!(plain.migration_target().describe(), plain.target.describe());
    let admin = ("ADMIN_DATABASE_URL", "postgres://root:p@admin/db");
    let database = load([("DATABASE_URL", "postgres://u:p@host/db"), admin]).database;
    assert_eq!(database.migration_target().describe(), "PostgreSQL at admin:5432/db");
    assert!(error([admin]).starts_with("environment: ADMIN_DATABASE_URL: works with PostgreSQL only"));
}

#[test]
fn pools() {
    let pool = load([("DB_MAX_OPEN_CONNS", "1"), ("DB_CONN_MAX_LIFETIME", "0")]).database.pool;
    assert_eq!((pool.max_open, pool.max_idle, pool.max_lifetime), (1, 1, None));
    assert!(error([("DB_MAX_OPEN_CONNS", "0")]).contains("from 1 to 1000"));
    let errors = errors_toml([], "[database]\nconn_max_lifetime = 'ever'");
    assert!(
        errors[0].starts_with("gateway.toml:2: database.conn_max_lifetime: \"ever\" is not a length"),
        "{errors:?}"
    );
}

#[test]
fn parts_without_a_host_are_doubtful() {
    let warnings = load([("PGPASSWORD", "hunter2")]).warnings;
    assert_eq!(
        warnings,
        ["environment: PGPASSWORD: has no effect without PGHOST; the embedded database is used"]
    );
}
