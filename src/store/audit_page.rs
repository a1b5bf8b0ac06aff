//! Pages of the audit log that cost a bounded amount of work, whatever is asked for.

use super::{AuditFilter, Db, StoreResult, StoredAuditRow, audit, read, stretch};

/// Rows that one call looks at to find those that fit.
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
    /// Where rows that fit have to be searched for, at most a fixed number of rows is looked at.
    pub async fn audit_page(&self, filter: &AuditFilter) -> StoreResult<AuditPage> {
        self.audit_page_within(filter, BUDGET).await
    }

    /// The same with another budget; of stretches, one at least is looked into.
    pub async fn audit_page_within(&self, filter: &AuditFilter, budget: i64) -> StoreResult<AuditPage> {
        let floor = match search(filter) {
            Search::None => None,
            Search::Everywhere => self.floor(filter, budget).await?,
            Search::Stretches => self.floor_of_stretches(filter, budget).await?,
        };
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

    /// The same where the index names the stretches to look into: only these count, however far apart they lie.
    async fn floor_of_stretches(&self, filter: &AuditFilter, budget: i64) -> StoreResult<Option<i64>> {
        let count = budget.div_euclid(stretch::LENGTH).max(1);
        let behind: Option<i64> = read!(self, pool => match audit::stretch_behind(filter, count) {
            Some(mut query) => query.build_query_scalar().fetch_optional(pool).await,
            None => Ok(None),
        })?;
        Ok(behind.map(|stretch| stretch.saturating_add(1).saturating_mul(stretch::LENGTH)))
    }
}

/// Where rows that fit have to be looked for, passing over others.
enum Search {
    None,
    /// From the newest row downwards.
    Everywhere,
    /// In the stretches of a user or a time, of which few or all rows may fit: an end in time may lie in the future, and
    /// a user may be in every stretch.
    Stretches,
}

/// A request has two records, and its number tells in which few stretches they are.
const fn search(filter: &AuditFilter) -> Search {
    if filter.request_id.is_some() {
        return Search::None;
    }
    if filter.user_email.is_some() || filter.since.is_some() || filter.until.is_some() {
        return Search::Stretches;
    }
    let is_picky = filter.action.is_some()
        || filter.resource.is_some()
        || filter.status.is_some()
        || filter.rbac_decision.is_some()
        || filter.event.is_some();
    if is_picky { Search::Everywhere } else { Search::None }
}
