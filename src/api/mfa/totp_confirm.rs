//! `POST /api/v1/auth/mfa/enroll/totp/confirm`: the first code of the new app. It proves the factor at once.

use super::{Enrolled, grounds, proved::Prover};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint, Note, Payload},
    core::{Secret, id::MethodId},
    identity::Means,
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, Method};
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/totp/confirm",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.create",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = TotpConfirmation)]
pub struct Given {
    method_id: MethodId,
    #[schema(value_type = String)]
    code: Secret,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(confirm))
}

async fn confirm(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(edge): Extension<Edge>,
    Extension(means): Extension<Means>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    Payload(given): Payload<Given>,
) -> Result<Response, ApiError> {
    let now = context.clock.now();
    note.resource(format!("totp {}", given.method_id));
    let grounds = grounds(&context, &who, &headers, edge.ip, now).await?;
    let confirm = context.mfa.confirm_totp(&who, given.method_id, &given.code, grounds, edge.ip, now);
    let enrolled = Box::pin(confirm).await?;
    let fresh = Prover { context: &context, who: &who, means: &means, now }.freshen().await?;
    let document = Enrolled::new(enrolled.backup_codes.as_deref(), fresh.verified);
    Ok((fresh.cookies, Json(document)).into_response())
}
