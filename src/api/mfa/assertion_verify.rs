//! `POST /api/v1/auth/mfa/webauthn/assertion/verify`: proves with a passkey or security key.

use super::proved::Prover;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint, Note, Payload},
    identity::{Means, mfa::Assertion},
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
    path: "/api/v1/auth/mfa/webauthn/assertion/verify",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa.verify",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = AssertionProof)]
pub struct Given {
    #[serde(flatten)]
    assertion: Assertion,
    #[serde(default)]
    trust_device: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(verify))
}

async fn verify(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(edge): Extension<Edge>,
    Extension(means): Extension<Means>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    Payload(given): Payload<Given>,
) -> Result<Response, ApiError> {
    let now = context.clock.now();
    note.resource("webauthn");
    context.mfa.verify_assertion(&who, &given.assertion, edge.ip, now).await?;
    let prover = Prover { context: &context, who: &who, means: &means, now };
    let mut fresh = prover.freshen().await?;
    if given.trust_device {
        prover.trust(edge, &headers, &mut fresh).await?;
    }
    Ok((fresh.cookies, Json(fresh.verified)).into_response())
}
