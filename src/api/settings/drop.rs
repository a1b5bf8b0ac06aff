//! `DELETE /api/v1/settings/{key}`: back to what the configuration says.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
        admin::{Params, changed},
    },
    SettingView,
    view::known,
};
use crate::{
    identity::change::{Actor, settings},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::delete};
use http::Method;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/settings/{key}",
    access: Access::Needs(Permission::SettingUpdate),
    mfa: MfaLevel::None,
    action: "setting.reset",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, delete(drop))
}

async fn drop(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<SettingView>, ApiError> {
    let key = known(params.text("key"))?;
    note.resource(key.name);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::SettingUpdate) };
    changed(&context, &note, settings::drop(&context.db, &actor, context.clock.now(), key)).await?;
    let rows = context.db.settings().await?;
    Ok(Json(SettingView::of(key, context.entrance.access.defaults(), &rows)))
}
