//! The append-only audit log: batches in, filtered pages out.

use super::{DatabaseFile, Db, StoreResult, dialect, read, stretch};
use crate::core::{RequestId, Timestamp};
use sqlx::{Database, Encode, QueryBuilder, Sqlite, SqlitePool, Transaction, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// A record on its way into the log. `record` is kept byte for byte; the rest are copies to search by. Texts are shared,
/// so that a driver which needs its own has it for nothing.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub ts: Timestamp,
    /// `intent` before a change, `outcome` after a request.
    pub event: &'static str,
    pub request_id: RequestId,
    pub user_email: Arc<str>,
    pub action: Cow<'static, str>,
    pub resource: Arc<str>,
    pub status: Cow<'static, str>,
    pub rbac_decision: Cow<'static, str>,
    pub record: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredAuditRow {
    pub seq: i64,
    pub record: Vec<u8>,
}

/// Which rows to list, newest first. Empty fields do not filter.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub user_email: Option<String>,
    pub action: Option<String>,
    pub resource: Option<String>,
    pub status: Option<String>,
    pub rbac_decision: Option<String>,
    pub event: Option<String>,
    pub request_id: Option<RequestId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only rows below this sequence number: the cursor.
    pub before: Option<i64>,
    /// At most so many rows; a negative number counts as 0.
    pub limit: i64,
}

const TAKE_SEQ: &str = "UPDATE audit_head SET next_seq = next_seq + $1 WHERE id = 1 RETURNING next_seq - $1";
const TAKE_SEQ_AT: &str = "UPDATE audit_head SET next_seq = next_seq + $1 WHERE id = 1 AND next_seq = $2";
const END: &str = "SELECT next_seq - 1 FROM audit_head WHERE id = 1";
const AFTER: &str = "SELECT seq, request_id, event FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2";
const PROBE: &str = "UPDATE audit_head SET next_seq = next_seq WHERE id = 1";

impl Db {
    /// Appends a batch in one transaction and gives the sequence number of its first row. When it returns,
    /// the rows are on disk; when it fails, none is.
    pub async fn append_audit(&self, rows: &[AuditRow]) -> StoreResult<i64> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        match self {
            Self::Sqlite { write, file, .. } => {
                let mut tx = begin_sqlite(write, file).await?;
                let first: i64 = sqlx::query_scalar(TAKE_SEQ).bind(count).fetch_one(&mut *tx).await?;
                dialect::insert_audit_sqlite(&mut tx, first, rows).await?;
                tx.commit().await?;
                Ok(first)
            }
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                let first: i64 = sqlx::query_scalar(TAKE_SEQ).bind(count).fetch_one(&mut *tx).await?;
                dialect::insert_audit_postgres(&mut tx, first, rows).await?;
                tx.commit().await?;
                Ok(first)
            }
        }
    }

    /// The same for a batch that must stand at `next` or nowhere: `false`, and nothing written, when the log ends
    /// elsewhere. On PostgreSQL this is one statement, so one round trip. A statement that arrives long after its
    /// sender gave it up finds the log grown, and does nothing.
    pub async fn append_audit_at(&self, next: i64, rows: &[AuditRow]) -> StoreResult<bool> {
        match self {
            Self::Sqlite { write, file, .. } => {
                if let Some(sql) = dialect::few(rows.len()) {
                    file.is_at_its_path().map_err(sqlx::Error::Io)?;
                    return dialect::insert_few_sqlite(write, sql, next, rows).await;
                }
                let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
                let mut tx = begin_sqlite(write, file).await?;
                let taken = sqlx::query(TAKE_SEQ_AT).bind(count).bind(next).execute(&mut *tx).await?;
                if taken.rows_affected() == 0 {
                    return Ok(false);
                }
                dialect::insert_audit_sqlite(&mut tx, next, rows).await?;
                tx.commit().await?;
                Ok(true)
            }
            Self::Postgres(pool) => Ok(dialect::insert_audit_postgres_at(pool, next, rows).await?),
        }
    }

    /// Proves that the log can be written, by writing its head as it is.
    pub async fn probe_audit(&self) -> StoreResult<()> {
        match self {
            Self::Sqlite { write, file, .. } => {
                file.is_at_its_path().map_err(sqlx::Error::Io)?;
                sqlx::query(PROBE).execute(write).await.map(drop)?;
            }
            Self::Postgres(pool) => sqlx::query(PROBE).execute(pool).await.map(drop)?,
        }
        Ok(())
    }

    /// The highest sequence number that was given; 0 before the first.
    pub async fn audit_end(&self) -> StoreResult<i64> {
        Ok(read!(self, pool => sqlx::query_scalar(END).fetch_one(pool).await)?)
    }

    /// What stands behind `seq`, at most `limit` rows: sequence number, request and event of each.
    pub async fn audit_events_after(
        &self,
        seq: i64,
        limit: i64,
    ) -> StoreResult<Vec<(i64, RequestId, String)>> {
        Ok(read!(self, pool => {
            sqlx::query_as(AFTER).bind(seq).bind(limit).fetch_all(pool).await
        })?)
    }

    /// By user, by request and by time only the stretches are searched that hold such rows. All other filters
    /// walk the log from its newest row downwards.
    pub async fn audit_rows(&self, filter: &AuditFilter) -> StoreResult<Vec<StoredAuditRow>> {
        Ok(read!(self, pool => list("", filter, None).build_query_as().fetch_all(pool).await)?)
    }
}

/// What is committed is in the file that others will find.
async fn begin_sqlite(write: &SqlitePool, file: &DatabaseFile) -> StoreResult<Transaction<'static, Sqlite>> {
    let tx = write.begin_with("BEGIN IMMEDIATE").await?;
    file.is_at_its_path().map_err(sqlx::Error::Io)?;
    Ok(tx)
}

/// Tables that tell which stretches may hold rows of a filter.
struct Stretches {
    tables: &'static str,
    /// The column of their number.
    number: &'static str,
}

impl Stretches {
    /// `None` when the rows may be anywhere.
    const fn of(filter: &AuditFilter) -> Option<Self> {
        let has_ends = filter.request_id.is_some() || filter.since.is_some() || filter.until.is_some();
        // `CROSS JOIN` tells SQLite to go through the tables in this order.
        match (filter.user_email.is_some(), has_ends) {
            (false, false) => None,
            (false, true) => Some(Self { tables: "audit_stretch s", number: "s.stretch" }),
            (true, false) => Some(Self { tables: "audit_stretch_user u", number: "u.stretch" }),
            (true, true) => {
                Some(Self { tables: "audit_stretch_user u CROSS JOIN audit_stretch s", number: "u.stretch" })
            }
        }
    }
}

/// The question that `filter` asks, behind `prefix`, of rows from the number `floor` on. Where there are stretches
/// to look into, `floor` is the first number of one.
pub(super) fn list<DB: Database>(prefix: &str, filter: &AuditFilter, floor: Option<i64>) -> QueryBuilder<DB>
where
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> RequestId: Encode<'q, DB> + Type<DB>,
    for<'q> Timestamp: Encode<'q, DB> + Type<DB>,
{
    let mut query = QueryBuilder::new(prefix);
    query.push("SELECT l.seq, l.record FROM ");
    let stretches = Stretches::of(filter);
    if let Some(Stretches { tables, number }) = &stretches {
        query.push(tables).push(" CROSS JOIN audit_log l WHERE ");
        push_stretches(&mut query, filter, number);
        if let Some(floor) = floor {
            query.push(number).push(" >= ").push_bind(floor.div_euclid(stretch::LENGTH)).push(" AND ");
        }
        query.push(format_args!("l.seq BETWEEN {number} * 256 AND {number} * 256 + 255 AND l.seq < "));
    } else {
        query.push("audit_log l WHERE ");
        if let Some(floor) = floor {
            query.push("l.seq >= ").push_bind(floor).push(" AND ");
        }
        query.push("l.seq < ");
    }
    query.push_bind(filter.before.unwrap_or(i64::MAX));
    let texts = [
        (" AND l.user_email = ", &filter.user_email),
        (" AND l.action = ", &filter.action),
        (" AND l.resource = ", &filter.resource),
        (" AND l.status = ", &filter.status),
        (" AND l.rbac_decision = ", &filter.rbac_decision),
        (" AND l.event = ", &filter.event),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            query.push(condition).push_bind(dialect::searchable(value).into_owned());
        }
    }
    if let Some(id) = filter.request_id {
        query.push(" AND l.request_id = ").push_bind(id);
    }
    if let Some(since) = filter.since {
        query.push(" AND l.ts >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND l.ts < ").push_bind(until);
    }
    query.push(" ORDER BY ");
    if let Some(Stretches { number, .. }) = &stretches {
        query.push(number).push(" DESC, ");
    }
    query.push("l.seq DESC LIMIT ").push_bind(filter.limit.max(0));
    query
}

/// The question for the stretch behind the newest `count` that [`list`] would look into. `None` when it would look
/// into all there are.
pub(super) fn stretch_behind<DB: Database>(filter: &AuditFilter, count: i64) -> Option<QueryBuilder<DB>>
where
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> RequestId: Encode<'q, DB> + Type<DB>,
    for<'q> Timestamp: Encode<'q, DB> + Type<DB>,
{
    let Stretches { tables, number } = Stretches::of(filter)?;
    let mut query = QueryBuilder::new("SELECT ");
    query.push(format_args!("{number} FROM {tables} WHERE "));
    push_stretches(&mut query, filter, number);
    query.push(format_args!("{number} >= 0 ORDER BY {number} DESC LIMIT 1 OFFSET ")).push_bind(count);
    Some(query)
}

/// Which stretches may hold rows of `filter`; ends where another condition may follow.
fn push_stretches<DB: Database>(query: &mut QueryBuilder<DB>, filter: &AuditFilter, number: &str)
where
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> RequestId: Encode<'q, DB> + Type<DB>,
    for<'q> Timestamp: Encode<'q, DB> + Type<DB>,
{
    let has_ends = filter.request_id.is_some() || filter.since.is_some() || filter.until.is_some();
    if let Some(email) = &filter.user_email {
        if has_ends {
            query.push("s.stretch = u.stretch AND ");
        }
        query.push("u.user_email = ").push_bind(dialect::searchable(email).into_owned()).push(" AND ");
    }
    if let Some(before) = filter.before {
        let newest = before.saturating_sub(1).div_euclid(stretch::LENGTH);
        query.push(number).push(" <= ").push_bind(newest).push(" AND ");
    }
    if let Some(id) = filter.request_id {
        query.push("s.first_request <= ").push_bind(id);
        query.push(" AND s.last_request >= ").push_bind(id).push(" AND ");
    }
    if let Some(since) = filter.since {
        query.push("s.last_ts >= ").push_bind(since).push(" AND ");
    }
    if let Some(until) = filter.until {
        query.push("s.first_ts < ").push_bind(until).push(" AND ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Place};
    use sqlx::Row as _;

    /// How SQLite finds the rows of `filter`.
    async fn plan(filter: AuditFilter) -> String {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::new(Place::Sqlite(dir.path().join("plan.db")))).await.unwrap();
        db.migrate().await.unwrap();
        let Db::Sqlite { read, .. } = &db else { panic!("asked for SQLite") };
        let steps = list("EXPLAIN QUERY PLAN ", &AuditFilter { limit: 10, ..filter }, None);
        let steps = { steps }.build().fetch_all(read).await.unwrap();
        steps.iter().map(|step| step.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn the_usual_questions_are_answered_from_an_index() {
        const ROWS: &str = "SEARCH l USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
        let user_email = || Some("ada@example.com".to_owned());
        let at = Timestamp::from_micros(1);
        let (request_id, since, until) = (Some(RequestId::new(at)), Some(at), Some(at));
        let all = AuditFilter::default;
        let by_user = "SEARCH u USING PRIMARY KEY (user_email=?)";
        for (filter, steps) in [
            (all(), "SEARCH l USING INTEGER PRIMARY KEY (rowid<?)".to_owned()),
            (AuditFilter { user_email: user_email(), ..all() }, format!("{by_user}; {ROWS}")),
            (
                AuditFilter { user_email: user_email(), before: Some(1_000), ..all() },
                format!("SEARCH u USING PRIMARY KEY (user_email=? AND stretch<?); {ROWS}"),
            ),
            (AuditFilter { request_id, ..all() }, format!("SCAN s; {ROWS}")),
            (AuditFilter { since, until, ..all() }, format!("SCAN s; {ROWS}")),
            (
                AuditFilter { user_email: user_email(), since, ..all() },
                format!(
                    "SEARCH u USING PRIMARY KEY (user_email=?); SEARCH s USING INTEGER PRIMARY KEY (rowid=?); {ROWS}"
                ),
            ),
        ] {
            assert_eq!(plan(filter).await, steps, "nothing is sorted or read in vain");
        }
    }
}
