//! `PUT /registry-svc/instance`: registers an instance, or changes one. It counts as a heartbeat.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload},
    actor::{X_REGISTRY_INDEX, actor, find, if_match, refused, revision_tag},
    view::InstanceView,
    wish::RegisterBody,
};
use crate::{
    directory::{Instance, Registered},
    policy::{MfaLevel, Permission},
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::put,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::ETAG};
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/registry-svc/instance",
    access: Access::Somewhere(&[Permission::InstanceRegister, Permission::InstanceRemove]),
    mfa: MfaLevel::None,
    action: "instance.register",
};

#[derive(Serialize, ToSchema)]
pub struct InstanceDocument {
    instance: InstanceView,
}

impl InstanceDocument {
    /// With its revision as `ETag`.
    pub fn answer(status: StatusCode, index: u64, one: &Instance) -> Response {
        let document = Self { instance: InstanceView::of(one) };
        let headers = [(ETAG, revision_tag(one)), (X_REGISTRY_INDEX.clone(), HeaderValue::from(index))];
        (status, headers, Json(document)).into_response()
    }
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, put(register))
}

async fn register(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    Payload(body): Payload<RegisterBody>,
) -> Result<Response, ApiError> {
    let revision = if_match(&headers)?;
    let known = match body.id() {
        None => None,
        Some(id) => match find(&context, id).await {
            Ok(known) => Some(known),
            // One that is not there yet is no mistake here.
            Err(unknown) if unknown.status() == StatusCode::NOT_FOUND => None,
            Err(error) => return Err(error),
        },
    };
    note.resource(body.id().or(body.slug()).unwrap_or_default());
    let mut slugs: Vec<&str> = known.iter().map(|known| known.slug.as_str()).collect();
    slugs.extend(body.slug().filter(|slug| known.as_ref().is_none_or(|known| known.slug != *slug)));
    if slugs.is_empty() {
        return Err(ApiError::field("slug", "is missing"));
    }
    let actor = actor(&context, &principal, &slugs)?;
    let wish = body.read()?;
    let done = context.registrar.register(&actor, &wish, revision).await.map_err(refused)?;
    Ok(answer(&context, &note, &done))
}

pub fn answer(context: &Context, note: &Note, done: &Registered) -> Response {
    let Registered { before, instance } = done;
    note.resource(instance.id.as_str());
    let shown = |one: &Instance| serde_json::to_value(InstanceView::of(one)).unwrap_or_default();
    let was = before.as_deref().map(shown).unwrap_or_default();
    note.changes(&was, &shown(instance));
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let index = context.registrar.directory().snapshot().index;
    InstanceDocument::answer(status, index, instance)
}
