//! Records of what the gateway does by itself, as when it locks an account.

use super::{Audit, AuditUnavailable, LocalChange, LocalEvent};
use crate::core::{RequestId, Timestamp};

#[derive(Clone, Debug)]
pub struct OwnAct {
    pub at: Timestamp,
    /// As in `user.lock`.
    pub action: &'static str,
    pub resource: String,
    pub resource_type: &'static str,
    /// Why, in words that may be shown to anyone who may read the log.
    pub detail: String,
}

impl Audit {
    /// Writes the record and waits until it is on disk.
    pub async fn record_own(&self, act: &OwnAct) -> Result<(), AuditUnavailable> {
        let change = LocalChange {
            at: act.at,
            request_id: RequestId::new(act.at),
            actor: "gateway".into(),
            action: act.action,
            resource: act.resource.clone(),
            resource_type: act.resource_type,
            detail: Some(act.detail.clone()),
        };
        let row = change.row(LocalEvent::Done, act.at);
        self.now_line(&row.record);
        self.writer().record_durable(row).await
    }
}
