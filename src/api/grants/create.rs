//! `POST /api/v1/grants`: gives a role on a target to somebody else, or to a token.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload,
        admin::{changed, rows},
    },
    GrantView,
    view::{limits, pattern},
};
use crate::{
    core::Timestamp,
    identity::{
        change::{
            Actor,
            grants::{self, Holder, NewGrant},
        },
        email,
    },
    notify::mail::Notice,
    policy::{MfaLevel, Permission, TargetPattern},
    store::GrantRow,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{Method, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/grants",
    access: Access::Needs(Permission::GrantUpdate),
    mfa: MfaLevel::None,
    action: "grant.add",
};

/// Either a user or a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrantBody {
    /// E-mail address of the user who is to hold it.
    user: Option<String>,
    /// Name or id of the token that is to hold it.
    token: Option<String>,
    role: String,
    /// Everything unless given.
    target: Option<String>,
    expires_at: Option<Timestamp>,
    /// Calls of services with these methods only, as in `GET,HEAD`; the target begins with `service:`.
    methods: Option<String>,
    /// Calls of services below this path only, as in `/api/`; the target begins with `service:`.
    path_prefix: Option<String>,
}

impl NewGrantBody {
    fn holder(&self) -> Result<Holder, ApiError> {
        match (&self.user, &self.token) {
            (Some(user), None) => {
                let user =
                    email::canonical(user).map_err(|error| ApiError::field("user", error.to_string()))?;
                Ok(Holder::User(user))
            }
            (None, Some(token)) => Ok(Holder::Token(token.clone())),
            _ => Err(ApiError::field("user", "name a user or a token, one of the two")),
        }
    }
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(create))
}

async fn create(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Payload(body): Payload<NewGrantBody>,
) -> Result<(StatusCode, Json<GrantView>), ApiError> {
    let holder = body.holder()?;
    let (Holder::User(name) | Holder::Token(name)) = &holder;
    note.resource(name);
    let target = body.target.as_deref().map_or(Ok(TargetPattern::everything()), pattern)?;
    let limits = limits(body.methods.as_deref(), body.path_prefix.as_deref())?;
    let new = NewGrant { role: body.role, target, expires_at: body.expires_at, limits };
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::GrantUpdate) };
    let now = context.clock.now();
    let grant = changed(&context, &note, grants::add(&context.db, &actor, now, &holder, &new)).await?;
    if let Holder::User(to) = &holder {
        let GrantRow { role, target, .. } = &grant;
        let notice = Notice::RoleGranted { role, target, by: &principal.user.email };
        context.mailer.queue(&notice, to).await;
    }
    Ok((StatusCode::CREATED, Json(GrantView::of(&grant, &rows(&context).await?))))
}
