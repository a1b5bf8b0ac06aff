//! Appending to the audit log: no gap, no change, no byte lost.

use super::NOW;
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{RequestId, Timestamp},
    store::{AuditFilter, AuditRow, Db, StoredAuditRow},
};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::time::timeout;

/// A row whose record is `record`.
pub fn row(record: impl Into<Arc<str>>) -> AuditRow {
    AuditRow {
        ts: NOW,
        event: "outcome",
        request_id: RequestId::new(NOW),
        user_email: Arc::from("ada@example.com"),
        action: Cow::Borrowed("app.read"),
        resource: Arc::from("web"),
        status: Cow::Borrowed("success"),
        rbac_decision: Cow::Borrowed("allow"),
        record: record.into(),
    }
}

fn batch(name: &str, length: usize) -> Vec<AuditRow> {
    (0..length).map(|index| row(format!("{name} {index}"))).collect()
}

/// The whole log, oldest first.
pub async fn everything(db: &Db) -> Vec<StoredAuditRow> {
    let mut rows = db.audit_rows(&AuditFilter { limit: i64::MAX, ..AuditFilter::default() }).await.unwrap();
    rows.reverse();
    rows
}

#[tokio::test]
async fn batches_of_every_size_follow_one_another() {
    each(async |db: TestDb| {
        let mut expected = Vec::new();
        for length in [1, 0, 33, 300, 5_000, 0, 1] {
            let rows = batch(&format!("batch of {length}"), length);
            let first = db.append_audit(&rows).await.unwrap();
            assert_eq!(first, expected.len() as i64 + 1, "a batch of {length}");
            expected.extend(rows.into_iter().map(|row| row.record.as_bytes().to_vec()));
        }
        let log = everything(&db).await;
        assert!(log.iter().zip(1..).all(|(row, seq)| row.seq == seq), "the numbers have no gap");
        assert!(log.into_iter().map(|row| row.record).eq(expected), "and the order is kept");
    })
    .await;
}

#[tokio::test]
async fn many_writers_leave_no_gap_and_lose_nothing() {
    const WRITERS: usize = 8;
    const BATCHES: usize = 12;
    each(async |db: TestDb| {
        let other = db.again().await;
        let writers = (0..WRITERS).map(|writer| {
            let db = if writer % 2 == 0 { db.db.clone() } else { other.clone() };
            tokio::spawn(async move {
                for number in 0..BATCHES {
                    let rows = batch(&format!("{writer}/{number}"), 1 + (writer + number) % 7);
                    db.append_audit(&rows).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let log = everything(&db).await;
        assert!(log.iter().zip(1..).all(|(row, seq)| row.seq == seq), "the numbers have no gap");

        let mut found: Vec<_> = log.iter().map(|row| row.record.clone()).collect();
        let lengths = (0..WRITERS).flat_map(|writer| (0..BATCHES).map(move |number| (writer, number)));
        let mut expected: Vec<_> = lengths
            .flat_map(|(writer, number)| batch(&format!("{writer}/{number}"), 1 + (writer + number) % 7))
            .map(|row| row.record.as_bytes().to_vec())
            .collect();
        // Rows of one batch stand together.
        let places: Vec<_> =
            found.iter().enumerate().filter(|(_, record)| record.starts_with(b"3/4 ")).collect();
        assert_eq!(places.last().unwrap().0 - places[0].0 + 1, places.len());
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn records_are_kept_byte_for_byte() {
    each(async |db: TestDb| {
        let records: [Arc<str>; 6] = [
            "".into(),
            "nul \0 inside".into(),
            "\u{feff}e\u{301}\u{10ffff}\0".into(),
            ('\0'..='\u{ff}').collect::<String>().into(),
            r#"{"b":1,  "a":1.0}"#.into(),
            "x".repeat(1_000_000).into(),
        ];
        db.append_audit(&records.each_ref().map(|record| row(record.clone()))).await.unwrap();
        let log = everything(&db).await;
        assert!(log.iter().map(|row| &*row.record).eq(records.iter().map(|record| record.as_bytes())));
    })
    .await;
}

#[tokio::test]
async fn what_is_written_stays() {
    each(async |db: TestDb| {
        db.append_audit(&batch("kept", 3)).await.unwrap();
        let before = everything(&db).await;
        for sql in [
            "UPDATE audit_log SET user_email = 'eve@example.com'",
            "UPDATE audit_log SET record = record WHERE seq = 2",
            "DELETE FROM audit_log",
            "DELETE FROM audit_log WHERE seq = 3",
            "DELETE FROM audit_stretch",
            "DELETE FROM audit_stretch_user",
            "UPDATE audit_stretch_user SET stretch = 9",
            "UPDATE audit_stretch SET stretch = 9",
            "UPDATE audit_stretch SET last_ts = last_ts - 1",
            "UPDATE audit_stretch SET first_ts = first_ts + 1",
            "UPDATE audit_head SET next_seq = 1",
            "UPDATE audit_head SET next_seq = next_seq - 1",
            "DELETE FROM audit_head",
        ] {
            is_refused(&db, sql).await;
        }
        let of_the_engine = match &db.db {
            Db::Sqlite { .. } => REPLACING,
            Db::Postgres(_) => TRUNCATING,
        };
        for sql in of_the_engine {
            is_refused(&db, sql).await;
        }
        assert_eq!(everything(&db).await, before);
        let by_user = AuditFilter {
            user_email: Some("ada@example.com".to_owned()),
            since: Some(NOW),
            limit: 9,
            ..AuditFilter::default()
        };
        assert_eq!(db.audit_rows(&by_user).await.unwrap().len(), 3, "and is found");
        assert_eq!(db.append_audit(&batch("next", 2)).await.unwrap(), 4);
        assert!(db.append_audit_at(6, &batch("next", 2)).await.unwrap(), "the log itself goes on");
    })
    .await;
}

/// SQLite deletes what it replaces, and asks no trigger on deletion.
const REPLACING: &[&str] = &[
    "INSERT OR REPLACE INTO audit_log (seq, ts, event, request_id, user_email, action, resource, status, \
     rbac_decision, record) SELECT seq, ts, event, request_id, 'eve@example.com', action, resource, status, \
     rbac_decision, record FROM audit_log WHERE seq = 2",
    "REPLACE INTO audit_log SELECT seq, ts, event, request_id, user_email, action, resource, status, \
     rbac_decision, x'00' FROM audit_log",
    "INSERT OR REPLACE INTO audit_stretch SELECT stretch, first_ts + 1, last_ts + 1, first_request, \
     last_request FROM audit_stretch",
    "INSERT OR REPLACE INTO audit_stretch SELECT stretch, first_ts, last_ts, first_request, x'00' \
     FROM audit_stretch",
    "INSERT OR REPLACE INTO audit_head (id, next_seq) VALUES (1, 1)",
    "INSERT OR REPLACE INTO audit_head (id, next_seq) VALUES (1, 9)",
];

const TRUNCATING: &[&str] = &["TRUNCATE audit_log", "TRUNCATE audit_stretch", "TRUNCATE audit_head"];

async fn is_refused(db: &TestDb, sql: &'static str) {
    let refused = match &db.db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(drop),
        Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
    };
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("append-only"), "{sql}: {refused}");
}

#[tokio::test]
async fn a_batch_that_fails_takes_no_numbers() {
    each(async |db: TestDb| {
        db.append_audit(&batch("before", 2)).await.unwrap();
        let run = async |sql: &'static str| match &db.db {
            Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(drop).unwrap(),
            Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop).unwrap(),
        };
        // From now on the second row of whoever it is fails, in the middle of everything.
        run("CREATE UNIQUE INDEX audit_once ON audit_log (user_email) WHERE seq > 2").await;
        for length in [3, 40] {
            db.append_audit(&batch("lost", length)).await.unwrap_err();
            db.append_audit_at(3, &batch("lost", length)).await.unwrap_err();
        }
        run("DROP INDEX audit_once").await;
        assert_eq!(everything(&db).await.len(), 2);
        assert_eq!(db.append_audit(&batch("after", 1)).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_batch_for_one_place_stands_there_or_nowhere() {
    each(async |db: TestDb| {
        assert!(db.append_audit_at(1, &batch("first", 300)).await.unwrap());
        assert!(db.append_audit_at(301, &batch("second", 2)).await.unwrap());
        let before = everything(&db).await;
        for elsewhere in [0, 1, 301, 302, 304, 1 << 60] {
            assert!(!db.append_audit_at(elsewhere, &batch("late", 3)).await.unwrap(), "{elsewhere}");
        }
        assert_eq!(everything(&db).await, before);
        assert_eq!(db.append_audit(&batch("third", 1)).await.unwrap(), 303, "and takes no numbers");
        let by_user = AuditFilter {
            user_email: Some("ada@example.com".to_owned()),
            limit: 999,
            ..AuditFilter::default()
        };
        assert_eq!(db.audit_rows(&by_user).await.unwrap().len(), 303, "all are found by their user");
    })
    .await;
}

#[tokio::test]
async fn small_batches_of_every_size_stand_where_they_should() {
    each(async |db: TestDb| {
        let mut expected = Vec::new();
        for length in (1..=20).cycle().take(60) {
            let rows = batch(&format!("batch {}", expected.len()), length);
            assert!(db.append_audit_at(expected.len() as i64 + 1, &rows).await.unwrap(), "{length} rows");
            expected.extend(rows);
        }
        let log = everything(&db).await;
        assert!(log.iter().zip(1..).all(|(row, seq)| row.seq == seq), "the numbers have no gap");
        assert!(log.iter().map(|row| &*row.record).eq(expected.iter().map(|row| row.record.as_bytes())));
        for row in expected.iter().step_by(37) {
            let by_request =
                AuditFilter { request_id: Some(row.request_id), limit: 9, ..AuditFilter::default() };
            assert_eq!(db.audit_rows(&by_request).await.unwrap().len(), 1, "found by its request");
        }
    })
    .await;
}

/// Whoever waits may give up at any moment: the batch is written whole or not at all, and the next is not hindered.
#[tokio::test]
async fn a_batch_that_nobody_waits_for_any_more_hinders_nobody() {
    each(async |db: TestDb| {
        for micros in 0..40 {
            let end = db.audit_end().await.unwrap();
            let given_up = batch("given up", 5);
            let patience = Duration::from_micros(micros * 25);
            let _ = timeout(patience, db.append_audit_at(end + 1, &given_up)).await;
            let first = db.append_audit(&batch("next", 1)).await.unwrap();
            assert!([end + 1, end + 6].contains(&first), "{first} after {end}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_who_want_one_place_one_gets_it() {
    each(async |db: TestDb| {
        let other = db.again().await;
        let rivals = (0..8).map(|rival| {
            let db = if rival % 2 == 0 { db.db.clone() } else { other.clone() };
            tokio::spawn(async move { db.append_audit_at(1, &batch("rival", 5)).await.unwrap() })
        });
        let mut winners = 0;
        for rival in rivals.collect::<Vec<_>>() {
            winners += usize::from(rival.await.unwrap());
        }
        assert_eq!((winners, everything(&db).await.len()), (1, 5));
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_log_can_be_probed_and_asked_for_a_request() {
    each(async |db: TestDb| {
        db.probe_audit().await.unwrap();
        let mut known = row("x");
        known.event = "intent";
        assert_eq!(
            db.append_audit(std::slice::from_ref(&known)).await.unwrap(),
            1,
            "the probe takes no number"
        );
        let mut other = row("y");
        other.request_id = RequestId::new(NOW);
        db.append_audit(std::slice::from_ref(&other)).await.unwrap();
        let (first, second) =
            ((1, known.request_id, "intent".to_owned()), (2, other.request_id, "outcome".to_owned()));
        assert_eq!(db.audit_events_after(0, 9).await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(db.audit_events_after(0, 1).await.unwrap(), [first]);
        assert_eq!(db.audit_events_after(1, 9).await.unwrap(), [second]);
        assert_eq!((db.audit_events_after(2, 9).await.unwrap(), db.audit_end().await.unwrap()), (vec![], 2));
        db.close().await;
        db.probe_audit().await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn the_ends_of_time_are_times() {
    each(async |db: TestDb| {
        let times = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
        let rows: Vec<_> =
            times.iter().map(|ts| AuditRow { ts: *ts, ..row(ts.as_micros().to_string()) }).collect();
        db.append_audit(&rows).await.unwrap();
        let count = async |since: i64, until: i64| {
            let (since, until) = (Some(Timestamp::from_micros(since)), Some(Timestamp::from_micros(until)));
            let filter = AuditFilter { since, until, limit: 100, ..AuditFilter::default() };
            db.audit_rows(&filter).await.unwrap().len()
        };
        assert_eq!(count(i64::MIN, i64::MAX).await, 4);
        assert_eq!(count(-1, 1).await, 2);
        assert_eq!(count(i64::MAX, i64::MIN).await, 0);
        for (before, limit, expected) in
            [(i64::MIN, 9, 0), (i64::MAX, 9, 5), (3, i64::MAX, 2), (i64::MAX, 0, 0), (i64::MAX, i64::MIN, 0)]
        {
            let filter = AuditFilter { before: Some(before), limit, ..AuditFilter::default() };
            let found = db.audit_rows(&filter).await.unwrap().len();
            assert_eq!(found, expected, "before {before}, limit {limit}");
        }
    })
    .await;
}
