//! `DELETE /api/v1/auth/mfa/trusted-devices/{id}`: trusts a browser no more.

use super::{Done, id};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    routing::delete,
};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/auth/mfa/trusted-devices/{id}",
    access: Access::Person,
    mfa: MfaLevel::StepUp,
    action: "trusted_device.delete",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, delete(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Path(text): Path<String>,
) -> Result<Json<Done>, ApiError> {
    let device = id(&text, "trusted device")?;
    note.resource(text);
    context.mfa.distrust(who.user.id, device, context.clock.now()).await?;
    Ok(Json(Done { status: "revoked" }))
}
