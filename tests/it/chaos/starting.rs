//! Databases that a gateway must not serve on.

use super::site::{Site, deployer, each_engine, on_postgres, sqlite_in};
use rack_gateway::store::{Db, Place};
use sqlx::AssertSqlSafe;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_for_an_embedded_database() {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::on(sqlite_in(directory.path())).await;
    let first = site.start().await;
    let second = site.try_start(&[]).await.unwrap_err();
    assert!(!second.status.success());
    let sentence = format!(
        "another rack-gateway uses {}; an embedded database serves one process, several replicas need PostgreSQL",
        directory.path().join("gateway.db").display()
    );
    assert!(second.log.contains(&sentence), "{}", second.log);
    assert_eq!(site.restart_app(&first).await.status, 200, "the first one does not mind");

    super::child::signal("KILL", &[first.id()]);
    drop(first);
    let heir = site.start().await;
    assert_eq!(site.restart_app(&heir).await.status, 200, "a dead process keeps nobody out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_too_old() {
    on_postgres(async |place: Place| {
        let site = Site::on(place).await;
        let Db::Postgres(pool) = site.db().await else { panic!("PostgreSQL") };
        let forget =
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        for sql in [forget, empty] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
            let refused = site.try_start(&[]).await.unwrap_err();
            assert!(!refused.status.success());
            let sentence =
                "the database's schema is older than this version; run `rack-gateway migrate` first";
            assert!(refused.log.contains(sentence), "{}", refused.log);
        }
        pool.close().await;
    })
    .await;
}

/// What a start asks the database. A start takes as long as its questions do, so they must be few, and as few for many
/// people as for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_asks_the_database_few_questions_however_much_there_is() {
    each_engine(async |place| {
        let site = Site::on(place).await;
        let verbose = [("LOG_LEVEL", "trace")];
        let questions = async || {
            let gateway = site.start_with(&verbose).await;
            let log = gateway.log.get();
            assert!(gateway.stop().await.success());
            let before = log.split("Server listening").next().unwrap();
            before.lines().filter(|line| line.contains(" elapsed_secs=")).count()
        };
        let few = questions().await;
        let db = site.db().await;
        for _ in 0..100 {
            deployer(&db).await;
        }
        db.close().await;
        let many = questions().await;
        eprintln!("statements of a start: {few} with one person, {many} with 101");
        // Tasks that ask again and again begin meanwhile, so that a slow start sees a few more.
        assert!((8..=60).contains(&few), "{few} statements");
        assert!(many < few + 50, "{few} statements, and {many} when there are a hundred more people");
    })
    .await;
}
