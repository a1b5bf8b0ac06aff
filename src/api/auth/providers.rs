//! `GET /api/v1/auth/providers`: the ways to log in, for the login page.

use crate::{
    api::{Access, ApiError, ApiRoute, Context, Endpoint, SentryJs},
    policy::MfaLevel,
};
use axum::{Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/auth/providers",
    access: Access::Open,
    mfa: MfaLevel::None,
    action: "login.providers",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

#[derive(Serialize, ToSchema)]
pub struct Ways {
    providers: Vec<ProviderView>,
    /// Whether a passkey can be used on this address.
    passkey: bool,
    /// Nobody has come in yet: the way in is the link that the server printed when it started.
    first_run: bool,
    /// For the pages' own error reports.
    sentry: Option<SentryJs>,
}

#[derive(Serialize, ToSchema)]
pub struct ProviderView {
    id: String,
    name: String,
    kind: &'static str,
}

async fn list(State(context): State<Context>) -> Result<Json<Ways>, ApiError> {
    let view = |provider: &crate::identity::providers::Provider| ProviderView {
        id: provider.id().to_owned(),
        name: provider.display_name().to_owned(),
        kind: provider.kind(),
    };
    let providers = context.login.providers.iter().map(view).collect();
    let passkey = context.mfa.has_key() && context.mfa.webauthn_off().is_none();
    let first_run = !context.db.has_users().await?;
    Ok(Json(Ways { providers, passkey, first_run, sentry: context.sentry.clone() }))
}
