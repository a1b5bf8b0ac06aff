//! Reading the audit log: each filter, pages, and pages while the log grows.

use super::{NOW, audit::row, later};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{RequestId, Timestamp},
    store::{AuditFilter, AuditRow, Db, StoredAuditRow},
};
use std::{borrow::Cow, sync::Arc};

const USERS: [&str; 2] = ["ada@example.com", "bob@example.com"];
const ACTIONS: [&str; 2] = ["app.read", "app.restart"];
const RESOURCES: [&str; 2] = ["web", "api"];
const STATUSES: [&str; 2] = ["success", "denied"];
const DECISIONS: [&str; 2] = ["allow", "deny"];
const EVENTS: [&str; 2] = ["outcome", "intent"];

/// 128 rows: every combination of the six columns twice, a second apart.
fn rows() -> Vec<AuditRow> {
    let one = |index: usize| {
        let bit = |place: usize| (index >> place) & 1;
        AuditRow {
            ts: later(index as i64),
            event: EVENTS[bit(5)],
            request_id: RequestId::new(NOW),
            user_email: Arc::from(USERS[bit(0)]),
            action: Cow::Borrowed(ACTIONS[bit(1)]),
            resource: Arc::from(RESOURCES[bit(2)]),
            status: Cow::Borrowed(STATUSES[bit(3)]),
            rbac_decision: Cow::Borrowed(DECISIONS[bit(4)]),
            ..row(index.to_string())
        }
    };
    (0..128).map(one).collect()
}

fn matches(row: &AuditRow, filter: &AuditFilter) -> bool {
    let same = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
    same(&filter.user_email, &row.user_email)
        && same(&filter.action, &row.action)
        && same(&filter.resource, &row.resource)
        && same(&filter.status, &row.status)
        && same(&filter.rbac_decision, &row.rbac_decision)
        && same(&filter.event, row.event)
        && filter.request_id.is_none_or(|id| id == row.request_id)
        && filter.since.is_none_or(|since| since <= row.ts)
        && filter.until.is_none_or(|until| row.ts < until)
}

/// What the filters whose bits are set in `mask` make together.
fn filter(mask: u32, id: RequestId) -> AuditFilter {
    let on = |place: u32| mask & (1 << place) != 0;
    let text = |place: u32, value: &str| on(place).then(|| value.to_owned());
    AuditFilter {
        user_email: text(0, USERS[0]),
        action: text(1, ACTIONS[0]),
        resource: text(2, RESOURCES[0]),
        status: text(3, STATUSES[0]),
        rbac_decision: text(4, DECISIONS[0]),
        event: text(5, EVENTS[0]),
        request_id: on(6).then_some(id),
        since: on(7).then_some(later(32)),
        until: on(8).then_some(later(96)),
        before: None,
        limit: 1_000,
    }
}

#[tokio::test]
async fn filters_alone_and_all_together() {
    each(async |db: TestDb| {
        // Numbers and batches that begin and end in the middle of stretches of the index.
        let mut log: Vec<_> = (0..200).map(|index| row(format!("older {index}"))).collect();
        log.extend(rows());
        for batch in log.chunks(45) {
            db.append_audit(batch).await.unwrap();
        }
        let rows = log.split_off(200);
        // Row 64 has the first value everywhere, and lies within the times.
        let id = rows[64].request_id;
        for mask in 0..512 {
            let filter = filter(mask, id);
            let found = db.audit_rows(&filter).await.unwrap();
            let found: Vec<_> = found.into_iter().map(|row| row.record).collect();
            let expected = rows.iter().rev().chain(log.iter().rev()).filter(|row| matches(row, &filter));
            let expected: Vec<_> = expected.map(|row| row.record.as_bytes().to_vec()).collect();
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{filter:?}");
            let (_, pages) = follow(&db, filter.clone(), 100).await;
            let pages: Vec<_> = pages.into_iter().map(|row| row.record).collect();
            assert_eq!(pages, expected, "in short pages: {filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn filters_that_match_nothing() {
    each(async |db: TestDb| {
        db.append_audit(&rows()).await.unwrap();
        let text = || Some("' OR 1=1 --".to_owned());
        let all = || AuditFilter { limit: 10, ..AuditFilter::default() };
        for filter in [
            AuditFilter { user_email: text(), ..all() },
            AuditFilter { action: text(), ..all() },
            AuditFilter { resource: text(), ..all() },
            AuditFilter { status: text(), ..all() },
            AuditFilter { rbac_decision: text(), ..all() },
            AuditFilter { event: text(), ..all() },
            AuditFilter { request_id: Some(RequestId::new(NOW)), ..all() },
            AuditFilter { since: Some(later(128)), ..all() },
            AuditFilter { until: Some(NOW), ..all() },
            AuditFilter { before: Some(1), ..all() },
        ] {
            assert_eq!(db.audit_rows(&filter).await.unwrap(), [], "{filter:?}");
        }
    })
    .await;
}

/// Follows the cursor to the end; gives the sequence numbers in the order in which they were seen.
async fn visit(db: &Db, page: i64, mut between_pages: impl AsyncFnMut()) -> Vec<i64> {
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let filter = AuditFilter { before, limit: page, ..AuditFilter::default() };
        let rows = db.audit_rows(&filter).await.unwrap();
        let Some(last) = rows.last() else { return seen };
        assert!(rows.len() <= page as usize);
        before = Some(last.seq);
        seen.extend(rows.iter().map(|row| row.seq));
        between_pages().await;
    }
}

#[tokio::test]
async fn pages_show_every_row_once_while_the_log_grows() {
    each(async |db: TestDb| {
        let writer = db.again().await;
        db.append_audit(&rows()).await.unwrap();
        for page in [1, 7, 128, 500] {
            let newest = everything_now(&db).await;
            let seen = visit(&db, page, async || {
                writer.append_audit(&[row("late"), row("later")]).await.unwrap();
            });
            let expected: Vec<_> = (1..=newest).rev().collect();
            assert_eq!(seen.await, expected, "pages of {page}");
        }
        writer.close().await;
    })
    .await;
}

async fn everything_now(db: &Db) -> i64 {
    let newest = db.audit_rows(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap();
    newest[0].seq
}

#[tokio::test]
async fn a_search_without_an_index_stops_at_its_budget_and_goes_on_from_there() {
    each(async |db: TestDb| {
        // The only row that fits is the oldest of 129.
        db.append_audit(&[AuditRow { action: Cow::Borrowed("rare"), ..row("rare") }]).await.unwrap();
        db.append_audit(&rows()).await.unwrap();
        let filter = AuditFilter { action: Some("rare".into()), limit: 10, ..AuditFilter::default() };
        let (calls, found) = follow(&db, filter, 50).await;
        assert_eq!((calls, found.len(), found[0].seq), (3, 1, 1));
        // With an index, or without any filter, nothing is cut.
        for filter in [
            AuditFilter {
                user_email: Some("nobody@example.com".into()),
                limit: 10,
                ..AuditFilter::default()
            },
            AuditFilter { limit: 200, ..AuditFilter::default() },
        ] {
            let page = db.audit_page_within(&filter, 50).await.unwrap();
            assert_eq!((page.next, page.is_cut), (None, false), "{filter:?}");
        }
    })
    .await;
}

/// Follows the pages of a search to the end, each with `budget`; gives how many there were, and all rows.
async fn follow(db: &Db, mut filter: AuditFilter, budget: i64) -> (usize, Vec<StoredAuditRow>) {
    let (mut calls, mut found) = (0, Vec::new());
    loop {
        let page = db.audit_page_within(&filter, budget).await.unwrap();
        calls += 1;
        found.extend(page.rows);
        assert_eq!(page.is_cut, page.next.is_some(), "no page is full: {filter:?}");
        let Some(next) = page.next else { return (calls, found) };
        assert!(filter.before.is_none_or(|before| next < before), "the search goes on: {filter:?}");
        filter.before = Some(next);
    }
}

/// Ten stretches, a second a row. The first and the last row are rare; bob has one row in the second stretch, and one
/// in the ninth; all others are ada's.
async fn ten_stretches(db: &Db) {
    let one = |seq: i64| {
        let action = if seq == 1 || seq == 2_559 { "rare" } else { "app.read" };
        let user = if seq == 300 || seq == 2_100 { USERS[1] } else { USERS[0] };
        AuditRow {
            ts: later(seq),
            action: Cow::Borrowed(action),
            user_email: Arc::from(user),
            ..row(seq.to_string())
        }
    };
    let log: Vec<_> = (1..2_560).map(one).collect();
    assert_eq!(db.append_audit(&log).await.unwrap(), 1);
}

#[tokio::test]
async fn no_filter_that_lets_everything_pass_lifts_the_budget() {
    each(async |db: TestDb| {
        ten_stretches(&db).await;
        let all = || AuditFilter { limit: 10, ..AuditFilter::default() };
        let rare = || AuditFilter { action: Some("rare".into()), ..all() };
        let (ada, far) = (|| Some(USERS[0].to_owned()), Some(later(9_999)));
        for (filter, calls, expected) in [
            (AuditFilter { until: far, ..rare() }, 5, vec![2_559, 1]),
            (AuditFilter { since: Some(NOW), ..rare() }, 5, vec![2_559, 1]),
            (AuditFilter { user_email: ada(), ..rare() }, 5, vec![2_559, 1]),
            (AuditFilter { user_email: ada(), until: far, ..rare() }, 5, vec![2_559, 1]),
            // The search begins at the end in time, in the third stretch from below, and goes no further than the other.
            (AuditFilter { until: Some(later(600)), ..rare() }, 2, vec![1]),
            (AuditFilter { user_email: ada(), until: Some(later(600)), ..rare() }, 2, vec![1]),
            (AuditFilter { since: Some(later(2_100)), ..rare() }, 1, vec![2_559]),
            // Behind what was seen, in the middle of a stretch.
            (AuditFilter { until: far, before: Some(2_000), ..rare() }, 4, vec![1]),
        ] {
            let told = format!("{filter:?}");
            // Two stretches.
            let (made, found) = follow(&db, filter, 512).await;
            let found: Vec<_> = found.iter().map(|row| row.seq).collect();
            assert_eq!((made, found), (calls, expected), "{told}");
        }
    })
    .await;
}

#[tokio::test]
async fn stretches_that_the_index_passes_over_cost_no_budget() {
    each(async |db: TestDb| {
        ten_stretches(&db).await;
        let filter = AuditFilter { user_email: Some(USERS[1].into()), limit: 10, ..AuditFilter::default() };
        let (calls, found) = follow(&db, filter, 512).await;
        let found: Vec<_> = found.iter().map(|row| row.seq).collect();
        assert_eq!((calls, found), (1, vec![2_100, 300]));
    })
    .await;
}

#[tokio::test]
async fn an_empty_log_has_no_pages() {
    each(async |db: TestDb| {
        assert_eq!(visit(&db, 10, async || ()).await, Vec::<i64>::new());
        let everything = AuditFilter {
            since: Some(Timestamp::from_micros(i64::MIN)),
            limit: 10,
            ..AuditFilter::default()
        };
        assert_eq!(db.audit_rows(&everything).await.unwrap(), []);
    })
    .await;
}
