//! The audit log as it is in the database, and what must be true of it whatever happened.

use super::site::Site;
use rack_gateway::{
    core::RequestId,
    store::{AuditFilter, StoredAuditRow},
};
use serde_json::Value;
use std::collections::HashMap;

pub struct Ledger {
    /// In the order of their numbers.
    pub records: Vec<Value>,
    events: HashMap<(RequestId, String), usize>,
}

impl Ledger {
    /// Reads all of it. Fails when a number is missing, or a record is there twice.
    pub async fn read(site: &Site) -> Self {
        let (rows, next) = at_rest(site).await;
        let gap = rows.iter().zip(1..).find(|(row, seq)| row.seq != *seq);
        assert!(gap.is_none(), "the numbers have a gap: {gap:?}");
        assert_eq!(next, rows.len() as i64 + 1, "the next number follows the last one");

        let records: Vec<Value> =
            rows.iter().map(|row| serde_json::from_slice(&row.record).unwrap()).collect();
        let mut events = HashMap::new();
        for record in &records {
            let event = record["event"].as_str().unwrap().to_owned();
            *events.entry((id_of(record), event)).or_default() += 1;
        }
        let doubled: Vec<_> = events.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "recorded more than once: {doubled:?}");
        Self { records, events }
    }

    pub fn has(&self, request: RequestId, event: &str) -> bool {
        self.events.contains_key(&(request, event.to_owned()))
    }

    pub fn outcome(&self, request: RequestId) -> &Value {
        let found =
            self.records.iter().find(|record| id_of(record) == request && record["event"] == "outcome");
        found.unwrap_or_else(|| panic!("no outcome of {request}"))
    }

    /// Nothing is done that was not written down first.
    pub fn assert_covers(&self, site: &Site, acknowledged: &[RequestId]) {
        for (request, times) in site.changes_seen() {
            assert!(self.has(request, "intent"), "the rack was asked for {request}, which has no intent");
            assert_eq!(times, 1, "the rack was asked for {request} more than once");
        }
        for request in acknowledged {
            assert!(self.has(*request, "intent"), "{request} was acknowledged and has no intent");
        }
    }
}

/// The rows, and the number after the last. A server may still be committing what a process that was killed had asked
/// of it: then the log is longer behind the look at it than before.
async fn at_rest(site: &Site) -> (Vec<StoredAuditRow>, i64) {
    let db = site.db().await;
    let filter = AuditFilter { limit: i64::MAX, ..AuditFilter::default() };
    let mut before = db.append_audit(&[]).await.unwrap();
    loop {
        let mut rows = db.audit_rows(&filter).await.unwrap();
        let next = db.append_audit(&[]).await.unwrap();
        if next == before {
            db.close().await;
            rows.reverse();
            return (rows, next);
        }
        before = next;
    }
}

fn id_of(record: &Value) -> RequestId {
    record["request_id"].as_str().unwrap().parse().unwrap()
}
