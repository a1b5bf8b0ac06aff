//! `GET /registry-svc/instance/{id}`.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, admin::Params},
    actor::{find, unknown},
    register::InstanceDocument,
};
use crate::policy::{MfaLevel, Permission, Target};
use axum::{Extension, extract::State, response::Response, routing::get};
use http::{Method, StatusCode};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/instance/{id}",
    access: Access::Somewhere(&[Permission::InstanceView]),
    mfa: MfaLevel::None,
    action: "instance.show",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(show))
}

async fn show(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Response, ApiError> {
    let id = params.text("id");
    note.resource(id);
    let found = find(&context, id).await?;
    let target = Target::service(&found.slug);
    if !principal.rights.allow(Permission::InstanceView, &target, context.clock.now()) {
        // For those who may not see it, it is not there.
        return Err(unknown(found.id.as_str()));
    }
    let index = context.registrar.directory().snapshot().index;
    Ok(InstanceDocument::answer(StatusCode::OK, index, &found))
}
