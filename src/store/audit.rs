//! The append-only audit log: batches in, filtered pages out.

use super::{Db, StoreResult, dialect, read};
use crate::core::{RequestId, Timestamp};
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// A record on its way into the log. `record` is kept byte for byte; the rest are copies to search by.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub ts: Timestamp,
    /// `intent` before a change, `outcome` after a request.
    pub event: &'static str,
    pub request_id: RequestId,
    pub user_email: Arc<str>,
    pub action: Cow<'static, str>,
    pub resource: String,
    pub status: Cow<'static, str>,
    pub rbac_decision: Cow<'static, str>,
    pub record: Vec<u8>,
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
const BY_REQUEST: &str = "SELECT seq FROM audit_log WHERE request_id = $1 AND event = $2 LIMIT 1";
const PROBE: &str = "UPDATE audit_head SET next_seq = next_seq WHERE id = 1";
impl Db {
    /// Appends a batch in one transaction and gives the sequence number of its first row. When it returns,
    /// the rows are on disk; when it fails, none is.
    pub async fn append_audit(&self, rows: &[AuditRow]) -> StoreResult<i64> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        match self {
            Self::Sqlite { write, file, .. } => {
                let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
                file.is_at_its_path().map_err(sqlx::Error::Io)?;
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

    /// Whether a record of this request and event is in the log.
    pub async fn has_audit_row(&self, request_id: RequestId, event: &str) -> StoreResult<bool> {
        let found: Option<i64> = read!(self, pool => {
            sqlx::query_scalar(BY_REQUEST).bind(request_id).bind(event).fetch_optional(pool).await
        })?;
        Ok(found.is_some())
    }

    /// A page of bounded cost: where no index leads to the rows, at most a fixed number of them is looked at.
    pub async fn audit_page(&self, filter: &AuditFilter) -> StoreResult<AuditPage> {
        self.audit_page_within(filter, BUDGET).await
    }

    /// The same with another budget.
    pub async fn audit_page_within(&self, filter: &AuditFilter, budget: i64) -> StoreResult<AuditPage> {
        let floor = if filter.walks() {
            let next: i64 = read!(self, pool => sqlx::query_scalar(NEXT_SEQ).fetch_one(pool).await)?;
            // Sequence numbers have no gaps, so they count rows.
            Some(filter.before.unwrap_or(next).min(next).saturating_sub(budget)).filter(|floor| *floor > 1)
        } else {
            None
        };
        let rows: Vec<StoredAuditRow> =
            read!(self, pool => list(LIST, filter, floor).build_query_as().fetch_all(pool).await)?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= filter.limit);
        if is_full {
            return Ok(AuditPage { next: rows.last().map(|row| row.seq), rows, is_cut: false });
        }
        Ok(AuditPage { rows, next: floor, is_cut: floor.is_some() })
    }

    /// By user and by request the rows are found through an index, and by time when both ends are given. All
    /// other filters walk the log from its newest row downwards.
    pub async fn audit_rows(&self, filter: &AuditFilter) -> StoreResult<Vec<StoredAuditRow>> {
        Ok(read!(self, pool => list(LIST, filter, None).build_query_as().fetch_all(pool).await)?)
    }
}

const LIST: &str = "SELECT seq, record FROM audit_log WHERE seq < ";
const NEXT_SEQ: &str = "SELECT next_seq FROM audit_head WHERE id = 1";

/// Rows that one call looks at when no index leads to those that fit.
const BUDGET: i64 = 50_000;

/// One page of the log.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub rows: Vec<StoredAuditRow>,
    /// Where the next, older page begins, as [`AuditFilter::before`]; `None` when there is none.
    pub next: Option<i64>,
    /// True when the search stopped at its budget: older rows that fit may follow, fewer than asked for are here.
    pub is_cut: bool,
}

impl AuditFilter {
    /// Whether nothing but a walk from the newest row downwards finds what fits.
    const fn walks(&self) -> bool {
        let is_indexed = self.user_email.is_some()
            || self.request_id.is_some()
            || (self.since.is_some() && self.until.is_some());
        let is_any = self.action.is_none()
            && self.resource.is_none()
            && self.status.is_none()
            && self.rbac_decision.is_none()
            && self.event.is_none()
            && self.since.is_none()
            && self.until.is_none();
        !is_indexed && !is_any
    }
}

/// `start` and the conditions of `filter`.
fn list<DB: Database>(start: &str, filter: &AuditFilter, floor: Option<i64>) -> QueryBuilder<DB>
where
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> RequestId: Encode<'q, DB> + Type<DB>,
    for<'q> Timestamp: Encode<'q, DB> + Type<DB>,
{
    let mut query = QueryBuilder::new(start);
    query.push_bind(filter.before.unwrap_or(i64::MAX));
    if let Some(floor) = floor {
        query.push(" AND seq >= ").push_bind(floor);
    }
    let texts = [
        (" AND user_email = ", &filter.user_email),
        (" AND action = ", &filter.action),
        (" AND resource = ", &filter.resource),
        (" AND status = ", &filter.status),
        (" AND rbac_decision = ", &filter.rbac_decision),
        (" AND event = ", &filter.event),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            query.push(condition).push_bind(dialect::searchable(value).into_owned());
        }
    }
    if let Some(id) = filter.request_id {
        query.push(" AND request_id = ").push_bind(id);
    }
    if let Some(since) = filter.since {
        query.push(" AND ts >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND ts < ").push_bind(until);
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(filter.limit.max(0));
    query
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
        let explain = format!("EXPLAIN QUERY PLAN {LIST}");
        let steps =
            list(&explain, &AuditFilter { limit: 10, ..filter }, None).build().fetch_all(read).await.unwrap();
        steps.iter().map(|step| step.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn the_usual_questions_are_answered_from_an_index() {
        let user_email = Some("ada@example.com".to_owned());
        let at = Timestamp::from_micros(1);
        let request_id = Some(RequestId::new(at));
        let all = AuditFilter::default;
        for (filter, index) in [
            (all(), "USING INTEGER PRIMARY KEY"),
            (AuditFilter { user_email, ..all() }, "USING INDEX audit_log_user (user_email=? AND seq<?)"),
            (AuditFilter { request_id, ..all() }, "USING INDEX audit_log_request (request_id=?"),
            (
                AuditFilter { since: Some(at), until: Some(at), ..all() },
                "USING INDEX audit_log_ts (ts>? AND ts<?)",
            ),
        ] {
            let plan = plan(filter).await;
            assert!(plan.starts_with("SEARCH audit_log ") && plan.contains(index), "{plan}");
        }
    }
}
