//! `DELETE /api/v1/auth/mfa/methods/{id}`: removes one of the caller's factors. With the last one go the backup codes
//! and the trust in devices.

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
    path: "/api/v1/auth/mfa/methods/{id}",
    access: Access::Person,
    mfa: MfaLevel::Always,
    action: "mfa_method.delete",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, delete(remove))
}

async fn remove(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Path(text): Path<String>,
) -> Result<Json<Done>, ApiError> {
    let method = id(&text, "factor")?;
    note.resource(text);
    let removed = context.mfa.remove(who.user.id, method, context.clock.now()).await?;
    if removed.last {
        note.reason("the last factor: backup codes deleted, trusted devices revoked");
    }
    Ok(Json(Done { status: "deleted" }))
}
