//! Pages of the audit log that cost a bounded amount of work, whatever is asked for.

use super::{AuditFilter, Db, StoreResult, StoredAuditRow, audit, read};

/// Rows that one call looks at when nothing but a walk from the newest row downwards finds what fits.
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

impl Db {
    /// Where no index leads to the rows, at most a fixed number of them is looked at.
    pub async fn audit_page(&self, filter: &AuditFilter) -> StoreResult<AuditPage> {
        self.audit_page_within(filter, BUDGET).await
    }

    /// The same with another budget.
    pub async fn audit_page_within(&self, filter: &AuditFilter, budget: i64) -> StoreResult<AuditPage> {
        let floor = if walks(filter) { self.floor(filter, budget).await? } else { None };
        let rows: Vec<StoredAuditRow> =
            read!(self, pool => audit::list("", filter, floor).build_query_as().fetch_all(pool).await)?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= filter.limit);
        if is_full {
            return Ok(AuditPage { next: rows.last().map(|row| row.seq), rows, is_cut: false });
        }
        Ok(AuditPage { rows, next: floor, is_cut: floor.is_some() })
    }

    /// The lowest sequence number to look at. The numbers have no gaps, so they count rows.
    async fn floor(&self, filter: &AuditFilter, budget: i64) -> StoreResult<Option<i64>> {
        let top = self.audit_end().await?.saturating_add(1);
        let top = filter.before.map_or(top, |before| before.min(top));
        Ok(Some(top.saturating_sub(budget)).filter(|floor| *floor > 1))
    }
}

/// Whether neither a user, a request nor an end in time narrows what has to be looked at.
const fn walks(filter: &AuditFilter) -> bool {
    let is_narrow = filter.user_email.is_some() || filter.request_id.is_some() || filter.until.is_some();
    let is_picky = filter.action.is_some()
        || filter.resource.is_some()
        || filter.status.is_some()
        || filter.rbac_decision.is_some()
        || filter.event.is_some();
    is_picky && !is_narrow
}
