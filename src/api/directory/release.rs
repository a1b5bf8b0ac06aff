//! `DELETE /registry-svc/service/{slug}`: gives a claimed name free. Nothing may be registered under it.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, admin::Params},
    actor::actor,
};
use crate::{
    directory::Reach,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};
use serde_json::{Value, json};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/registry-svc/service/{slug}",
    access: Access::Somewhere(&[Permission::InstanceRemove, Permission::InstanceRegister]),
    mfa: MfaLevel::None,
    action: "service.release",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::delete(release))
}

async fn release(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let slug = params.text("slug");
    note.resource(slug);
    let actor = actor(&context, &principal, &[slug])?;
    let claim = context.db.slugs().await?.into_iter().find(|claim| claim.slug == slug);
    let claim = claim.ok_or_else(|| ApiError::not_found(format!("service {slug}")))?;
    if actor.reach == Reach::Own && claim.owner_id != actor.owner.user {
        return Err(ApiError::forbidden(format!("the slug {slug} belongs to somebody else")));
    }
    if !context.db.release_slug(slug).await? {
        let message = format!("instances are registered as {slug}; remove them first");
        return Err(ApiError::conflict(message));
    }
    note.changes(&json!({ "slug": slug, "owner": claim.owner_email }), &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}
