//! The audit queue.

use super::{
    reader::Reader,
    values::{duration, number},
    variables::{AUDIT_INTENT_TIMEOUT, AUDIT_QUEUE_ROWS},
};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    pub queue_rows: usize,
    pub intent_timeout: Duration,
}

const INTENT_LEAST: Duration = Duration::from_millis(10);
const INTENT_MOST: Duration = Duration::from_secs(60);

pub(super) fn read(r: &mut Reader<'_>) -> Option<AuditConfig> {
    let queue_rows = r.required(&AUDIT_QUEUE_ROWS, number(64..=16_777_216));
    let intent_timeout = r.required(&AUDIT_INTENT_TIMEOUT, duration(INTENT_LEAST..=INTENT_MOST));
    Some(AuditConfig { queue_rows: queue_rows?, intent_timeout: intent_timeout? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load};

    #[test]
    fn defaults_and_bounds() {
        let expected = AuditConfig { queue_rows: 65_536, intent_timeout: Duration::from_secs(1) };
        assert_eq!(load([]).audit, expected);
        assert!(error([("AUDIT_QUEUE_ROWS", "0")]).contains("from 64 to 16777216"));
        assert!(error([("AUDIT_INTENT_TIMEOUT", "2m")]).contains("from 10ms to 1m"));
    }
}
