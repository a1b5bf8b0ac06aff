//! An invitation as the API shows it.

use crate::{
    core::{
        Timestamp,
        id::{LinkId, UserId},
    },
    store::LinkRow,
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct InvitationView {
    id: LinkId,
    email: String,
    name: String,
    role: Option<String>,
    target: Option<String>,
    created_by: Option<UserId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// `open`, `used`, `revoked` or `expired`
    state: &'static str,
}

impl InvitationView {
    pub fn of(link: LinkRow, now: Timestamp) -> Self {
        let state = match (link.used_at, link.revoked_at) {
            (Some(_), _) => "used",
            (_, Some(_)) => "revoked",
            _ if link.expires_at <= now => "expired",
            _ => "open",
        };
        Self {
            id: link.id,
            email: link.email,
            name: link.name,
            role: link.role,
            target: link.target,
            created_by: link.created_by,
            created_at: link.created_at,
            expires_at: link.expires_at,
            state,
        }
    }
}
