//! What a database must be to be opened, and to be written to.

use super::audit::{everything, row};
use crate::support::database::in_postgres;
use rack_gateway::store::{Db, Options, Place};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

#[tokio::test]
async fn an_encoding_that_cannot_hold_every_text_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let options = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        in_postgres(&options, async |place: Place| {
            let refused = Db::open(&Options::new(place)).await.unwrap_err().to_string();
            let told = format!(" has the encoding {encoding}, which cannot hold every text; make one with ");
            assert!(refused.contains(&told), "{refused}");
            assert!(refused.ends_with("CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"), "{refused}");
        })
        .await;
    }
    // The same server, and the mend.
    in_postgres("ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0", async |place: Place| {
        Db::open(&Options::new(place)).await.unwrap().close().await;
    })
    .await;
}

async fn embedded(directory: &Path) -> (Db, PathBuf) {
    let db = Db::open(&Options::new(Place::Sqlite(directory.join("gateway.db")))).await.unwrap();
    db.migrate().await.unwrap();
    db.append_audit(&[row("first")]).await.unwrap();
    (db, directory.join("gateway.db-wal"))
}

async fn is_refused(db: &Db) {
    for refused in [
        db.append_audit(&[row("lost")]).await.map(drop),
        db.append_audit_at(2, &[row("lost")]).await.map(drop),
        db.probe_audit().await,
    ] {
        let error = refused.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("gateway.db-wal"), "{cause}");
    }
}

#[tokio::test]
async fn nothing_is_written_to_a_log_that_nobody_will_find() {
    let directory = TempDir::new().unwrap();
    let (db, log) = embedded(directory.path()).await;
    let aside = directory.path().join("aside");
    fs::rename(&log, &aside).unwrap();
    is_refused(&db).await;
    fs::write(&log, "").unwrap();
    is_refused(&db).await;
    fs::rename(&aside, &log).unwrap();
    assert!(db.append_audit_at(2, &[row("second")]).await.unwrap());

    fs::remove_file(&log).unwrap();
    is_refused(&db).await;
    // Whoever stops in order loses nothing: what stood in the log is moved into the file.
    db.close().await;
    let (db, _) = embedded(directory.path()).await;
    let log: Vec<_> = everything(&db).await.into_iter().map(|row| row.record).collect();
    assert_eq!(log, [&b"first"[..], b"second", b"first"]);
    db.close().await;
}

/// SQLite removes the log with the last connection, and a pool closes its connections from time to time.
#[tokio::test]
async fn a_log_stays_while_the_pools_have_no_connection() {
    let directory = TempDir::new().unwrap();
    let (db, log) = embedded(directory.path()).await;
    let Db::Sqlite { read, write, .. } = &db else { panic!("asked for SQLite") };
    for pool in [read, write] {
        pool.acquire().await.unwrap().close().await.unwrap();
    }
    assert!(log.exists());
    assert_eq!(db.append_audit(&[row("second")]).await.unwrap(), 2);
    db.close().await;
    assert!(!log.exists(), "and goes when the database is closed");
}
