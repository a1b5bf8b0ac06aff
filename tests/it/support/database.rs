//! A fresh database for each test, on every engine there is.

use futures_util::FutureExt as _;
use rack_gateway::{
    config::{Env as _, ProcessEnv},
    core::{Secret, Timestamp, id::RequestId},
    store::{Db, Options, Place},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::panic::{AssertUnwindSafe, resume_unwind};
use tempfile::TempDir;

/// A database that a test has for itself.
#[derive(Clone)]
pub struct TestDb {
    pub db: Db,
    pub place: Place,
}

impl TestDb {
    /// Another set of connections to the same database, as another process would have.
    pub async fn again(&self) -> Db {
        open(&self.place).await
    }
}

impl std::ops::Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

/// Runs `test` on a migrated database of each engine.
pub async fn each<F: Future<Output = ()>>(test: impl Fn(TestDb) -> F) {
    each_empty(async |db: TestDb| {
        db.migrate().await.unwrap();
        test(db).await;
    })
    .await;
}

/// Runs `test` on an empty database of each engine.
pub async fn each_empty(test: impl AsyncFn(TestDb)) {
    let dir = TempDir::new().unwrap();
    on("SQLite", Place::Sqlite(dir.path().join("test.db")), &test)
        .await
        .unwrap_or_else(|panic| resume_unwind(panic));

    in_postgres("", async |place: Place| {
        on("PostgreSQL", place, &test).await.unwrap_or_else(|panic| resume_unwind(panic));
    })
    .await;
}

/// Runs `test` with a new PostgreSQL database that is made with `options`, if there is a server.
pub async fn in_postgres(options: &str, test: impl AsyncFn(Place)) {
    let Some(server) = postgres_server() else { return };
    let name = format!("rgw_test_{}", RequestId::new(Timestamp::default()).as_uuid().simple());
    administer(&server, format!("CREATE DATABASE {name} {options}")).await;
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    let outcome = AssertUnwindSafe(test(Place::Postgres(Secret::new(url)))).catch_unwind().await;
    administer(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

/// The URL of a PostgreSQL server for tests; says on stderr when there is none.
pub fn postgres_server() -> Option<String> {
    let server = ProcessEnv.get("TEST_POSTGRES_URL").filter(|url| !url.is_empty());
    if server.is_none() {
        eprintln!("skipped: PostgreSQL (set TEST_POSTGRES_URL to run on it too)");
    }
    server
}

async fn on(engine: &str, place: Place, test: &impl AsyncFn(TestDb)) -> std::thread::Result<()> {
    let db = open(&place).await;
    let outcome = AssertUnwindSafe(test(TestDb { db: db.clone(), place })).catch_unwind().await;
    if outcome.is_err() {
        eprintln!("failed on {engine}");
    }
    db.close().await;
    outcome
}

async fn open(place: &Place) -> Db {
    Db::open(&Options::new(place.clone())).await.unwrap()
}

async fn administer(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
