//! `POST /api/v1/auth/mfa/enroll/webauthn/confirm`: the new credential. It proves the factor at once.

use super::{Enrolled, grounds, proved::Prover};
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint, Note, Payload},
    core::Secret,
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
use webauthn_rs::prelude::RegisterPublicKeyCredential;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/webauthn/confirm",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.create",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = WebAuthnConfirmation)]
pub struct Given {
    #[schema(value_type = String)]
    handle: Secret,
    #[schema(value_type = Object)]
    credential: RegisterPublicKeyCredential,
    label: String,
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
    let Given { handle, credential, label } = given;
    let grounds = grounds(&context, &who, &headers, edge.ip, now).await?;
    let confirm = context.mfa.confirm_webauthn(&who, &handle, &credential, &label, grounds, now);
    let enrolled = Box::pin(confirm).await?;
    note.resource(format!("webauthn {}", enrolled.method));
    let fresh = Prover { context: &context, who: &who, means: &means, now }.freshen().await?;
    let document = Enrolled::new(enrolled.backup_codes.as_deref(), fresh.verified);
    Ok((fresh.cookies, Json(document)).into_response())
}
