//! A node as the wire shows it.

use crate::{
    core::Timestamp,
    directory::{
        NodeStatus,
        node::{Figures, NodeKind, NodeRecord},
    },
    store::NodeRow,
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    id: String,
    url: String,
    /// `gateway` for a replica of the gateway, `agent` for a machine that registered itself.
    kind: NodeKind,
    /// `Alive`, `Suspect` or `Gone`, by the age of the last heartbeat.
    status: String,
    /// E-mail address of who registered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    last_heartbeat: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(flatten)]
    figures: Figures,
}

impl NodeView {
    /// What cannot be read of a record is left out.
    pub fn of(row: NodeRow, now: Timestamp) -> Self {
        let record: NodeRecord = serde_json::from_str(&row.record).unwrap_or_default();
        let kind = if row.owner_id.is_none() { NodeKind::Gateway } else { record.kind };
        Self {
            id: row.id,
            url: row.url,
            kind,
            status: NodeStatus::by_age(now.since(row.beat_at)).as_str().to_owned(),
            owner: record.owner_email,
            last_heartbeat: row.beat_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            figures: record.figures,
        }
    }
}
