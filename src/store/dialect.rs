//! What the two engines do differently, each under a name.

use super::{AuditRow, StoreResult};
use sqlx::{Postgres, Sqlite, Transaction};
use std::{borrow::Cow, sync::LazyLock};

const COLUMNS: usize = 10;

/// Rows of one SQLite statement. Few sizes, so that each is prepared once and kept.
const SIZES: [usize; 3] = [256, 32, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| SIZES.map(insert_many));

/// Anonymous places: the driver looks up the name of each numbered one, which costs time in the square of their
/// number.
fn insert_many(rows: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(","));
    format!(
        "INSERT INTO audit_log (seq, ts, event, request_id, user_email, action, resource, status, \
         rbac_decision, record) VALUES {}",
        vec![row; rows].join(",")
    )
}

/// PostgreSQL keeps no NUL in a text, and one would refuse the whole batch; both engines get U+FFFD instead.
/// The exact bytes stand in `record`.
pub(super) fn searchable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// SQLite: multi-row `VALUES`, since each statement costs two hops to the engine's thread.
pub(super) async fn insert_audit_sqlite(
    tx: &mut Transaction<'_, Sqlite>,
    first_seq: i64,
    rows: &[AuditRow],
) -> StoreResult<()> {
    let mut seq = first_seq;
    let mut rest = rows;
    for (size, sql) in SIZES.iter().zip(INSERTS.iter()) {
        while rest.len() >= *size {
            let (now, later) = rest.split_at(*size);
            let mut query = sqlx::query(sql.as_str());
            for row in now {
                query = query
                    .bind(seq)
                    .bind(row.ts)
                    .bind(row.event)
                    .bind(row.request_id)
                    .bind(searchable(&row.user_email))
                    .bind(searchable(&row.action))
                    .bind(searchable(&row.resource))
                    .bind(searchable(&row.status))
                    .bind(searchable(&row.rbac_decision))
                    .bind(&*row.record);
                seq += 1;
            }
            query.execute(&mut **tx).await?;
            rest = later;
        }
    }
    Ok(())
}

/// PostgreSQL: one statement with an array for each column.
pub(super) async fn insert_audit_postgres(
    tx: &mut Transaction<'_, Postgres>,
    first_seq: i64,
    rows: &[AuditRow],
) -> StoreResult<()> {
    const INSERT: &str = "INSERT INTO audit_log (seq, ts, event, request_id, user_email, action, resource, status, \
         rbac_decision, record) \
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::text[], \
         $7::text[], $8::text[], $9::text[], $10::bytea[])";
    let column = |get: fn(&AuditRow) -> Cow<'_, str>| rows.iter().map(get).collect::<Vec<_>>();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    sqlx::query(INSERT)
        .bind((first_seq..first_seq + count).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.ts.as_micros()).collect::<Vec<_>>())
        .bind(column(|row| Cow::Borrowed(row.event)))
        .bind(rows.iter().map(|row| *row.request_id.as_uuid()).collect::<Vec<_>>())
        .bind(column(|row| searchable(&row.user_email)))
        .bind(column(|row| searchable(&row.action)))
        .bind(column(|row| searchable(&row.resource)))
        .bind(column(|row| searchable(&row.status)))
        .bind(column(|row| searchable(&row.rbac_decision)))
        .bind(rows.iter().map(|row| &*row.record).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
