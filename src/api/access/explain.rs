//! `GET /api/v1/access/explain?permission=&target=[&user=|&token=]`: by which grant, or what is missing. Of oneself
//! for everybody; of others with `gateway:grant:read`.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
    admin::{Query, rows},
    grants::GrantView,
    may,
};
use crate::{
    core::id::TokenId,
    identity::{Explanation, Principal},
    policy::{Demand, MfaLevel, Permission, Target},
};
use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    routing::get,
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/access/explain",
    access: Access::Authenticated,
    mfa: MfaLevel::None,
    action: "access.explain",
};

#[derive(Serialize, ToSchema)]
pub struct ExplainView {
    allowed: bool,
    /// For people.
    because: String,
    permission: &'static str,
    target: String,
    /// The grant that allows it.
    grant: Option<GrantView>,
    /// `grant`, `limits`, `owners_grant`, `locked`, `revoked` or `expired`; null when it is allowed.
    missing: Option<&'static str>,
    /// What a person must prove besides: `none`, `step_up` or `always`. Tokens never need a factor.
    mfa: &'static str,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(explain))
}

async fn explain(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    RawQuery(raw): RawQuery,
) -> Result<Json<ExplainView>, ApiError> {
    let query = Query::read(raw.as_deref(), &["permission", "target", "user", "token"])?;
    let (demand, now) = (demand(&query)?, context.clock.now());
    note.resource(format!("{} on {}", demand.permission, demand.target.written()));
    let rows = rows(&context).await?;
    let explanation = match (query.get("user"), query.get("token")) {
        (Some(_), Some(_)) => return Err(ApiError::field("token", "name a user or a token, not both")),
        (Some(email), None) if is_oneself(&principal, email) => Explanation::of(&principal, demand, now),
        (None, None) => Explanation::of(&principal, demand, now),
        (Some(email), None) => {
            may(&context, &principal, Permission::GrantRead)?;
            let user = rows.users.iter().find(|user| user.email == email);
            let user = user.ok_or_else(|| ApiError::not_found(format!("user {email}")))?;
            Explanation::of_user(&rows, user, demand, now)
        }
        (None, Some(name)) => {
            let id = name.parse::<TokenId>().ok();
            let named = rows.tokens.iter().find(|token| token.name == name || Some(token.id) == id);
            let is_own = |owner| principal.session().is_some() && owner == principal.user.id;
            if !named.is_some_and(|token| is_own(token.user_id)) {
                may(&context, &principal, Permission::GrantRead)?;
            }
            let token = named.ok_or_else(|| ApiError::not_found(format!("token {name}")))?;
            Explanation::of_token(&rows, token, demand, now)
        }
    };
    let grant = explanation.verdict.as_ref().ok();
    let grant = grant.and_then(|grant| rows.grants.iter().find(|row| row.id == grant.id));
    Ok(Json(ExplainView {
        allowed: explanation.is_allowed(),
        because: explanation.sentence(),
        permission: explanation.demand.permission.name(),
        target: explanation.demand.target.written(),
        grant: grant.map(|grant| GrantView::of(grant, &rows)),
        missing: explanation.verdict.as_ref().err().map(|lacking| lacking.as_str()),
        mfa: explanation.mfa.as_str(),
    }))
}

fn demand(query: &Query) -> Result<Demand, ApiError> {
    let missing = |field| ApiError::field(field, "is missing");
    let name = query.get("permission").ok_or_else(|| missing("permission"))?;
    let permission = Permission::parse(name)
        .ok_or_else(|| ApiError::field("permission", "is not known; write for example convox:app:restart"))?;
    let target = query.get("target").ok_or_else(|| missing("target"))?;
    let target: Target = target
        .parse()
        .map_err(|error: crate::policy::InvalidTarget| ApiError::field("target", error.to_string()))?;
    Ok(Demand { permission, target })
}

fn is_oneself(principal: &Principal, email: &str) -> bool {
    principal.session().is_some() && *principal.user.email == *email
}
