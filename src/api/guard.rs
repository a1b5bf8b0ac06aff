//! The guard before every handler: open the record, authenticate, authorize, and close the record with what
//! the handler answered. A handler is not reached without it.

use super::{ApiError, Context, context::Caller};
use crate::{
    audit::{Decision, Scope, Seen},
    core::RequestId,
    gateway::{Refusal, RouteLabel},
    identity::Principal,
    policy::{self, Demand, Demanding, Effect, Permission, Target},
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};
use http::{HeaderMap, Method, header::USER_AGENT};
use std::{borrow::Cow, net::IpAddr};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone whose credential is good: the route shows callers only what is theirs.
    Authenticated,
    /// Those who hold the permission on the gateway.
    Needs(Permission),
}

#[derive(Debug)]
pub struct ApiRoute {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// What the record calls it.
    pub action: &'static str,
}

/// What the edge knows of a request, put into its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub request_id: RequestId,
    pub ip: IpAddr,
}

pub fn guarded(
    context: &Context,
    route: &'static ApiRoute,
    handler: MethodRouter<Context>,
) -> Router<Context> {
    let guard = middleware::from_fn_with_state((context.clone(), route), check);
    Router::new().route(route.path, handler.route_layer(guard).fallback(wrong_method))
}

async fn wrong_method(request: Request) -> Response {
    let request_id = request.extensions().get::<Edge>().map(|edge| edge.request_id);
    let error = ApiError::Method(request.method().clone());
    error.response(request_id.unwrap_or_else(|| RequestId::from_uuid(uuid::Uuid::nil())))
}

async fn check(
    State((context, route)): State<(Context, &'static ApiRoute)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(edge) = request.extensions().get::<Edge>().copied() else {
        return ApiError::from(Refusal::Internal).response(RequestId::from_uuid(uuid::Uuid::nil()));
    };
    let seen = Seen {
        request_id: edge.request_id,
        ip: edge.ip,
        user_agent: request.headers().get(USER_AGENT).cloned(),
        method: request.method().clone(),
    };
    let Ok(mut scope) = context.audit.open(seen) else {
        return ApiError::from(Refusal::AuditUnavailable).response(edge.request_id);
    };
    let mut response = match admit(&context, route, &mut scope, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Caller(principal));
            next.run(request).await
        }
        Err(error) => {
            scope.decision = Decision::Deny;
            scope.reason = Some(Cow::Owned(error.reason()));
            error.response(edge.request_id)
        }
    };
    scope.answered(response.status());
    scope.close();
    response.extensions_mut().insert(RouteLabel(route.path));
    response
}

async fn admit(
    context: &Context,
    route: &'static ApiRoute,
    scope: &mut Scope,
    headers: &HeaderMap,
) -> Result<Principal, ApiError> {
    scope.action_type = "gateway";
    scope.action = Cow::Borrowed(route.action);
    scope.resource_type = route.action.split('.').next().unwrap_or_default();
    scope.route = route.path;
    let now = context.clock.now();
    let principal = context.entrance.admit(headers, now).map_err(Refusal::from)?;
    scope.set_principal(&principal);
    if let Access::Needs(permission) = route.access {
        scope.permission = Some(permission);
        scope.target = Some(Target::gateway());
        let call = OnGateway([Demand { permission, target: Target::gateway() }]);
        policy::authorize(&principal.rights, call, now)
            .map_err(|denied| Refusal::denied(&principal, &denied))?
            .into_call();
        if permission.effect() == Effect::Change {
            scope.decision = Decision::Allow;
            scope.intent().await.map_err(Refusal::from)?;
        }
    }
    scope.decision = Decision::Allow;
    Ok(principal)
}

struct OnGateway([Demand; 1]);

impl Demanding for OnGateway {
    fn demands(&self) -> &[Demand] {
        &self.0
    }
}
