//! Bringing a database up to this version, once, whoever else tries.

use super::{NOW, audit::row};
use crate::support::database::{TestDb, each_empty};
use rack_gateway::store::{Db, MigrationReport, Options};

#[tokio::test]
async fn a_new_database_is_not_migrated() {
    each_empty(async |db: TestDb| {
        assert!(!db.is_migrated().await);
        db.access_epoch().await.unwrap_err();
        db.append_audit(&[row("x")]).await.unwrap_err();
        db.migrate().await.unwrap();
        assert!(db.is_migrated().await);
        assert_eq!(db.access_epoch().await.unwrap(), 1);
        assert_eq!(db.append_audit(&[row("x")]).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_second_time_there_is_nothing_to_do() {
    each_empty(async |db: TestDb| {
        let first = db.migrate().await.unwrap();
        assert!(first.applied > 0 && first.applied == first.total, "{first:?}");
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let second = db.migrate().await.unwrap();
        assert_eq!(second, MigrationReport { applied: 0, total: first.total });
        let other = db.again().await;
        assert!(other.is_migrated().await);
        assert_eq!(other.users().await.unwrap(), [ada]);
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn several_may_migrate_at_once() {
    each_empty(async |db: TestDb| {
        let migrators = (0..4).map(|_| {
            let place = db.place.clone();
            tokio::spawn(async move {
                let db = Db::open(&Options::new(place)).await.unwrap();
                db.migrate().await.unwrap();
                let usable = db.is_migrated().await;
                db.close().await;
                usable
            })
        });
        for migrator in migrators.collect::<Vec<_>>() {
            assert!(migrator.await.unwrap());
        }
        assert_eq!(db.access_epoch().await.unwrap(), 1, "the first rows were written once");
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_was_changed_afterwards_is_refused() {
    each_empty(async |db: TestDb| {
        db.migrate().await.unwrap();
        match &db.db {
            Db::Sqlite { write, .. } => {
                let sql = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1";
                sqlx::query(sql).execute(write).await.map(drop).unwrap();
            }
            Db::Postgres(pool) => {
                let sql = "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1";
                sqlx::query(sql).execute(pool).await.map(drop).unwrap();
            }
        }
        let refused = db.migrate().await.unwrap_err();
        assert_eq!(refused.to_string(), "migration failed");
        // A refusal must not keep the next writer out.
        db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
    })
    .await;
}
