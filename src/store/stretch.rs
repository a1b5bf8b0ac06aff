//! The sparse index of the audit log: what lies in each stretch of 256 sequence numbers.

use super::{AuditRow, dialect};
use crate::core::{RequestId, Timestamp};
use std::{borrow::Cow, collections::HashSet};

/// Sequence numbers of one stretch; stands in the SQL too.
pub(super) const LENGTH: i64 = 256;

/// The ends of what some rows of one stretch hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub stretch: i64,
    pub first_ts: Timestamp,
    pub last_ts: Timestamp,
    pub first_request: RequestId,
    pub last_request: RequestId,
}

/// What a batch adds to the index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Additions<'a> {
    pub stretches: Vec<Stretch>,
    /// Each user once for each stretch.
    pub users: Vec<(Cow<'a, str>, i64)>,
}

/// Adds a stretch or widens it.
pub(super) const WIDEN: &str = "ON CONFLICT (stretch) DO UPDATE SET \
     first_ts = CASE WHEN excluded.first_ts < audit_stretch.first_ts \
         THEN excluded.first_ts ELSE audit_stretch.first_ts END, \
     last_ts = CASE WHEN excluded.last_ts > audit_stretch.last_ts \
         THEN excluded.last_ts ELSE audit_stretch.last_ts END, \
     first_request = CASE WHEN excluded.first_request < audit_stretch.first_request \
         THEN excluded.first_request ELSE audit_stretch.first_request END, \
     last_request = CASE WHEN excluded.last_request > audit_stretch.last_request \
         THEN excluded.last_request ELSE audit_stretch.last_request END";

impl<'a> Additions<'a> {
    /// Of `rows`, which are numbered from `first_seq` on.
    pub fn of(first_seq: i64, rows: &'a [AuditRow]) -> Self {
        let mut additions = Self::default();
        let mut known: HashSet<&str> = HashSet::new();
        for (row, seq) in rows.iter().zip(first_seq..) {
            let stretch = seq.div_euclid(LENGTH);
            match additions.stretches.last_mut().filter(|last| last.stretch == stretch) {
                Some(last) => last.widen(row),
                None => {
                    known.clear();
                    additions.stretches.push(Stretch::of(stretch, row));
                }
            }
            if known.insert(&row.user_email) {
                additions.users.push((dialect::searchable(&row.user_email), stretch));
            }
        }
        additions
    }
}

impl Stretch {
    const fn of(stretch: i64, row: &AuditRow) -> Self {
        let (ts, request) = (row.ts, row.request_id);
        Self { stretch, first_ts: ts, last_ts: ts, first_request: request, last_request: request }
    }

    fn widen(&mut self, row: &AuditRow) {
        self.first_ts = self.first_ts.min(row.ts);
        self.last_ts = self.last_ts.max(row.ts);
        self.first_request = self.first_request.min(row.request_id);
        self.last_request = self.last_request.max(row.request_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn row(user: &str, micros: i64) -> AuditRow {
        let ts = Timestamp::from_micros(micros);
        AuditRow {
            ts,
            event: "outcome",
            request_id: RequestId::new(ts),
            user_email: Arc::from(user),
            action: Cow::Borrowed("app.list"),
            resource: Arc::from(""),
            status: Cow::Borrowed("success"),
            rbac_decision: Cow::Borrowed("allow"),
            record: Arc::from(""),
        }
    }

    #[test]
    fn a_batch_is_cut_at_the_ends_of_stretches() {
        let rows = [row("ada", 5_000), row("bob", 3_000), row("ada", 9_000), row("b\0b", 7_000)];
        let additions = Additions::of(LENGTH * 2 - 3, &rows);
        let users: Vec<_> = additions.users.iter().map(|(user, stretch)| (&**user, *stretch)).collect();
        assert_eq!(users, [("ada", 1), ("bob", 1), ("b\u{fffd}b", 2)]);
        let [one, two] = additions.stretches.as_slice() else { panic!("{additions:?}") };
        assert_eq!((one.first_ts, one.last_ts), (rows[1].ts, rows[2].ts));
        assert_eq!((one.first_request, one.last_request), (rows[1].request_id, rows[2].request_id));
        assert_eq!(*two, Stretch::of(2, &rows[3]));
        assert_eq!(Additions::of(7, &[]), Additions::default());
    }
}
