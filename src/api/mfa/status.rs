//! `GET /api/v1/auth/mfa/status`: what the caller has enrolled.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    core::{Timestamp, id::DeviceId},
    identity::{
        mfa::{BackupCodes, Kind, Method},
        step_up::recent_until,
    },
    policy::MfaLevel,
    store::DeviceRow,
};
use axum::{Extension, Json, extract::State, routing::get};
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: http::Method::GET,
    path: "/api/v1/auth/mfa/status",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa.status",
};

#[derive(Serialize, ToSchema)]
#[schema(as = MfaStatus)]
pub struct Document {
    enrolled: bool,
    required: bool,
    methods: Vec<Method>,
    trusted_devices: Vec<Device>,
    backup_codes: BackupCodes,
    recent_step_up_expires_at: Option<Timestamp>,
    preferred_method: Option<Kind>,
    webauthn_available: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TrustedDevice)]
pub struct Device {
    id: DeviceId,
    label: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Timestamp,
    ip_address: String,
    user_agent: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
) -> Result<Json<Document>, ApiError> {
    let now = context.clock.now();
    let policy = context.step_up.policy();
    let status = context.mfa.status(who.user.id, now).await?;
    let recent = who.session().and_then(|session| recent_until(session, policy.window));
    Ok(Json(Document {
        enrolled: status.enrolled,
        required: policy.required_for_all,
        methods: status.methods,
        trusted_devices: status.devices.into_iter().map(Device::of).collect(),
        backup_codes: status.backup_codes,
        recent_step_up_expires_at: recent.filter(|end| *end > now),
        preferred_method: status.preferred,
        webauthn_available: context.mfa.has_key() && context.mfa.webauthn_off().is_none(),
    }))
}

impl Device {
    fn of(row: DeviceRow) -> Self {
        Self {
            id: row.id,
            label: row.label,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            ip_address: row.ip,
            user_agent: row.user_agent,
        }
    }
}
