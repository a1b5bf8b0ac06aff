//! The session at the end of a login, the same for every way.

use super::begin::user_agent;
use crate::{
    api::{ApiError, Context, Edge, Note},
    core::{Timestamp, id::SessionId},
    identity::{
        Channel,
        cli_login::Granted,
        session::{Device, NewSession},
    },
    notify::mail::Notice,
    store::ApproverRow,
};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// Shown this once.
    token: String,
    email: String,
    name: String,
    expires_at: Timestamp,
    session_id: SessionId,
    channel: &'static str,
    device_id: String,
    device_name: String,
    mfa_verified: bool,
    mfa_required: bool,
    enrollment_required: bool,
    #[serde(skip)]
    lifetime: u64,
}

impl LoggedIn {
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Seconds.
    pub const fn lifetime(&self) -> u64 {
        self.lifetime
    }
}

/// Opens the session that a granted login stands for. `device` is what the client said of itself in the end, and
/// counts where it said nothing at the beginning.
pub async fn open(
    context: &Context,
    edge: Edge,
    note: &Note,
    headers: &HeaderMap,
    granted: Granted,
    device: Device,
) -> Result<LoggedIn, ApiError> {
    let step_up = proved_at(&granted);
    let Granted { to, device_id, device_name, .. } = granted;
    note.user(&to.email);
    let device = Device { id: or(device_id, device.id), name: or(device_name, device.name) };
    let is_known = knows(context, &to, &device.id).await?;
    let user_agent = user_agent(headers);
    let new = NewSession {
        user: to.user_id,
        channel: Channel::Cli,
        method: to.method,
        step_up,
        device: device.clone(),
        ip: edge.ip,
        user_agent: user_agent.clone(),
    };
    let (secret, session) = context.sessions.open(new).await?;
    note.resource(session.id.to_string());
    if !is_known {
        let notice = Notice::NewDevice { device: &device.name, ip: edge.ip, user_agent: &user_agent };
        context.mailer.queue(&notice, &to.email).await;
    }
    let mfa_required = context.step_up.policy().required_for_all;
    Ok(LoggedIn {
        token: secret.expose().to_owned(),
        email: to.email,
        name: to.name,
        expires_at: session.expires_at,
        session_id: session.id,
        channel: Channel::Cli.as_str(),
        device_id: device.id,
        device_name: device.name,
        mfa_verified: session.step_up_at.is_some(),
        mfa_required,
        enrollment_required: mfa_required && to.mfa_enrolled_at.is_none(),
        lifetime: session.expires_at.since(session.created_at).as_secs(),
    })
}

/// When the person last proved their factor, in the browser's session or along with the approval. Neither proof
/// outlives a change of their roles.
fn proved_at(granted: &Granted) -> Option<Timestamp> {
    granted.to.step_up_at.max(granted.proved_at)
}

fn or(first: String, second: String) -> String {
    if first.is_empty() { second } else { first }
}

/// Whether the person has logged in from this device before.
async fn knows(context: &Context, to: &ApproverRow, device: &str) -> Result<bool, ApiError> {
    if device.is_empty() {
        return Ok(false);
    }
    let sessions = context.db.sessions_of(to.user_id).await?;
    Ok(sessions.iter().any(|session| session.channel == Channel::Cli.as_str() && session.device_id == device))
}
