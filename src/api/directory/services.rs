//! `GET /registry-svc/services`: the names that are claimed, whose they are, and how their services are.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, admin::Query, admin::page},
    filter::Sight,
    view::ServiceView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    routing::get,
};
use http::Method;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/services",
    access: Access::Somewhere(&[Permission::InstanceView]),
    mfa: MfaLevel::None,
    action: "service.list",
};

#[derive(Serialize, ToSchema)]
pub struct ServicePage {
    services: Vec<ServiceView>,
    /// Give this as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> Result<Json<ServicePage>, ApiError> {
    let query = Query::read(raw.as_deref(), &["limit", "cursor"])?;
    let snapshot = context.registrar.directory().snapshot();
    let mut services: BTreeMap<String, ServiceView> = snapshot
        .services()
        .map(|service| (service.slug.clone(), ServiceView::of(&service.slug, Some(service))))
        .collect();
    for claim in context.db.slugs().await? {
        let service =
            services.entry(claim.slug.clone()).or_insert_with(|| ServiceView::of(&claim.slug, None));
        service.owner = Some(claim.owner_email);
    }
    let mut sight = Sight::of(&principal, context.clock.now());
    let seen = services.into_iter().filter(|(slug, _)| sight.sees(slug));
    let (services, next_cursor) = page(seen, |(slug, _)| slug.clone(), &query)?;
    let services = services.into_iter().map(|(_, service)| service).collect();
    Ok(Json(ServicePage { services, next_cursor }))
}
