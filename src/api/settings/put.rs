//! `PUT /api/v1/settings/{key}`.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{Params, changed},
    },
    SettingView,
    view::known,
};
use crate::{
    identity::change::{Actor, settings},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing};
use http::Method;
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/api/v1/settings/{key}",
    access: Access::Needs(Permission::SettingUpdate),
    mfa: MfaLevel::None,
    action: "setting.update",
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingBody {
    /// True or false, or a whole number within the setting's range.
    #[schema(value_type = Object)]
    value: serde_json::Value,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::put(put))
}

async fn put(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
    Payload(SettingBody { value }): Payload<SettingBody>,
) -> Result<Json<SettingView>, ApiError> {
    let key = known(params.text("key"))?;
    note.resource(key.name);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::SettingUpdate) };
    let now = context.clock.now();
    changed(&context, &note, settings::put(&context.db, &actor, now, key, &value)).await?;
    let rows = context.db.settings().await?;
    Ok(Json(SettingView::of(key, context.entrance.access.defaults(), &rows)))
}
