//! The guard before every handler: open the record, authenticate, authorize, ask for proof, read the body, record the
//! intent, and close the record with what the handler answered. A handler is not reached without it.

use super::{
    Access, ApiError, ApiRoute, Context, Note, body, context::Caller, csrf, error::Failure, etag,
    recorded::Recorded, route::Endpoint,
};
use crate::{
    audit::{Decision, Scope, Seen},
    core::RequestId,
    gateway::{Refusal, RouteLabel, count_decision},
    identity::{Admitted, Means, Principal, step_up::Challenge},
    observe::{errors::FailureFacts, otel::Trace},
    policy::{self, Demand, Demanding, Effect, MfaLevel, Permission, Target},
};
use axum::{
    RequestExt as _,
    body::Body,
    extract::{RawPathParams, Request, State},
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};
use http::{HeaderMap, header::CONTENT_TYPE};
use std::{borrow::Cow, net::IpAddr, panic::resume_unwind};
use tower_http::compression::CompressionLayer;

/// What the edge knows of a request, put into its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub request_id: RequestId,
    pub ip: IpAddr,
}

/// Parameters of paths that name something; others are secrets.
const NAMES: [&str; 6] = ["id", "email", "key", "name", "slug", "url"];

/// The endpoints of one path, each behind its guard.
pub(super) fn guarded(context: &Context, endpoints: Vec<Endpoint>) -> MethodRouter<Context> {
    let guarded = endpoints.into_iter().map(|Endpoint { route, handler }| {
        let guard = middleware::from_fn_with_state((context.clone(), route), check);
        handler
            .route_layer(middleware::from_fn(etag::etag))
            .route_layer(CompressionLayer::new())
            .route_layer(guard)
    });
    guarded.fold(MethodRouter::new(), MethodRouter::merge).fallback(wrong_method)
}

async fn wrong_method(request: Request) -> Response {
    let error = ApiError::Method(request.method().clone());
    error.response(request_id(&request))
}

fn request_id(request: &Request) -> RequestId {
    let edge = request.extensions().get::<Edge>();
    edge.map_or(RequestId::from_uuid(uuid::Uuid::nil()), |edge| edge.request_id)
}

async fn check(
    State((context, route)): State<(Context, &'static ApiRoute)>,
    request: Request,
    next: Next,
) -> Response {
    let request_id = request_id(&request);
    let Some(edge) = request.extensions().get::<Edge>().copied() else {
        return ApiError::internal().response(request_id);
    };
    let seen = Seen::of(request_id, edge.ip, request.method(), request.headers());
    let Ok(mut scope) = context.audit.open(seen) else {
        return ApiError::from(Refusal::AuditUnavailable).response(request_id);
    };
    scope.action_type = route.action_type();
    scope.action = Cow::Borrowed(route.action);
    scope.resource_type = route.resource_type();
    scope.route = route.path;

    match Box::pin(admit(&context, route, &mut scope, edge, request)).await {
        Ok(request) => {
            let work = handle(route, scope, request_id, request, next);
            if route.is_unsafe() || route.access.is_public() {
                to_the_end(work, request_id).await
            } else {
                work.await
            }
        }
        Err(error) => {
            let response = refuse(&error, &mut scope, request_id);
            close(route, scope, response)
        }
    }
}

/// What has begun to change something is carried out and recorded as what it was, also when the client goes away.
async fn to_the_end(
    work: impl Future<Output = Response> + Send + 'static,
    request_id: RequestId,
) -> Response {
    match tokio::spawn(Trace::current().carry(work)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The process ends.
            Err(_) => ApiError::internal().response(request_id),
        },
    }
}

async fn handle(
    route: &'static ApiRoute,
    mut scope: Scope,
    request_id: RequestId,
    mut request: Request,
    next: Next,
) -> Response {
    let note = Note::default();
    request.extensions_mut().insert(note.clone());
    let mut response = next.run(request).await;
    if let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() {
        response = fail(&error, &mut scope, request_id);
    } else if scope.decision == Decision::Allow {
        count_decision(scope.decision, None);
    }
    if note.is_routine() && response.status().is_success() {
        scope.forget();
        response.extensions_mut().insert(RouteLabel(route.path));
        return response;
    }
    note.write_into(&mut scope);
    close(route, scope, response)
}

/// The record is complete with the last byte of the answer.
fn close(route: &'static ApiRoute, mut scope: Scope, mut response: Response) -> Response {
    scope.answered(response.status());
    FailureFacts { kind: "api", user_id: scope.user_id }.note(&mut response);
    let mut response = response.map(|body| Recorded::wrap(body, scope));
    response.extensions_mut().insert(RouteLabel(route.path));
    response
}

/// The guard says no.
fn refuse(error: &ApiError, scope: &mut Scope, request_id: RequestId) -> Response {
    scope.decision = Decision::Deny;
    scope.reason = Some(Cow::Owned(error.reason()));
    count_decision(scope.decision, Some(error.code()));
    error.response(request_id)
}

/// The handler says no, or could not.
fn fail(error: &ApiError, scope: &mut Scope, request_id: RequestId) -> Response {
    if error.is_denial() {
        return refuse(error, scope, request_id);
    }
    scope.reason = Some(Cow::Owned(error.reason()));
    count_decision(scope.decision, None);
    error.response(request_id)
}

/// authenticate → authorize → prove → read the body → record the intent. The request comes back with what the handler
/// may know.
async fn admit(
    context: &Context,
    route: &'static ApiRoute,
    scope: &mut Scope,
    edge: Edge,
    mut request: Request,
) -> Result<Request, ApiError> {
    if route.access.is_public() {
        // Before anything is counted, lest foreign pages use up the attempts of whoever looks at them.
        if route.is_unsafe() {
            csrf::same_site(request.headers())?;
        } else {
            csrf::not_embedded(request.headers())?;
        }
        context.logins.check(route.access, edge.ip, context.clock.now())?;
    } else {
        let admitted = context.entrance.admit_browser(request.headers()).await.map_err(Refusal::from)?;
        scope.set_principal(&admitted.principal);
        let level = route.mfa_level();
        from_our_own_page(context, route, &admitted, &request)?;
        authorize(context, route, scope, &admitted.principal)?;
        prove(context, route, level, &admitted.principal, edge.ip, request.headers()).await?;
        request.extensions_mut().insert(Caller(admitted.principal));
        request.extensions_mut().insert(admitted.by);
    }
    let mut request = with_body(context, route, scope, request).await?;
    if route.is_unsafe() && !route.access.is_public() {
        still_let_in(context, route, scope, &mut request)?;
        scope.resource = subject(&mut request).await;
    }
    scope.decision = Decision::Allow;
    if is_change(route) {
        scope.intent().await.map_err(Refusal::from)?;
    }
    Ok(request)
}

/// What comes by cookie may have been sent by any page that the browser shows.
fn from_our_own_page(
    context: &Context,
    route: &ApiRoute,
    admitted: &Admitted,
    request: &Request,
) -> Result<(), ApiError> {
    let Means::Cookie(secret) = &admitted.by else { return Ok(()) };
    csrf::websocket_origin(request.headers(), context.public_url.origin())?;
    if route.is_unsafe() { csrf::check(request.headers(), secret) } else { Ok(()) }
}

fn authorize(
    context: &Context,
    route: &ApiRoute,
    scope: &mut Scope,
    principal: &Principal,
) -> Result<(), ApiError> {
    match route.access {
        Access::Needs(permission) => {
            scope.permission = Some(permission);
            scope.target = Some(Target::gateway());
            may(context, principal, permission)
        }
        Access::Somewhere(permissions) | Access::Pulse(permissions) => {
            scope.permission = permissions.first().copied();
            may_somewhere(context, principal, permissions)
        }
        Access::Person if principal.session().is_none() => {
            Err(ApiError::forbidden("this is for people; an API token cannot do it"))
        }
        _ => Ok(()),
    }
}

/// Whether the caller holds a permission on the gateway; for handlers that ask for more than their route does.
pub fn may(context: &Context, principal: &Principal, permission: Permission) -> Result<(), ApiError> {
    may_on(context, principal, permission, Target::gateway())
}

/// The refusal is that for the gateway, which names what is missing.
fn may_somewhere(
    context: &Context,
    principal: &Principal,
    permissions: &[Permission],
) -> Result<(), ApiError> {
    let now = context.clock.now();
    if permissions.iter().any(|permission| principal.rights.may_somewhere(*permission, now)) {
        return Ok(());
    }
    match permissions.first() {
        Some(permission) => may(context, principal, *permission),
        None => Err(ApiError::forbidden("nobody may do this")),
    }
}

/// Whether the caller holds a permission on one thing.
pub fn may_on(
    context: &Context,
    principal: &Principal,
    permission: Permission,
    target: Target,
) -> Result<(), ApiError> {
    let call = OnOne([Demand { permission, target }]);
    policy::authorize(&principal.rights, call, context.clock.now())
        .map(|permit| drop(permit.into_call()))
        .map_err(|denied| Refusal::denied(principal, &denied).into())
}

/// A body may take its time: whoever was let in before its first byte may have lost since then what let them in.
fn still_let_in(
    context: &Context,
    route: &'static ApiRoute,
    scope: &mut Scope,
    request: &mut Request,
) -> Result<(), ApiError> {
    let Some(Caller(before)) = request.extensions_mut().remove::<Caller>() else {
        return Err(ApiError::internal());
    };
    let now = context.entrance.again(&before).map_err(Refusal::from)?;
    authorize(context, route, scope, &now)?;
    let proved = |who: &Principal| who.session().and_then(|session| session.step_up_at).is_some();
    if route.mfa_level() != MfaLevel::None && proved(&before) && !proved(&now) {
        return Err(Refusal::from(Challenge::Recent).into());
    }
    request.extensions_mut().insert(Caller(now));
    Ok(())
}

/// What the address names, for the intent: the handler says more only when it is done.
async fn subject(request: &mut Request) -> String {
    let Ok(params) = request.extract_parts::<RawPathParams>().await else { return String::new() };
    let named = params.iter().filter(|(name, _)| NAMES.contains(name));
    let text = named.map(|(_, value)| value).collect::<Vec<_>>().join("/");
    text.chars().take(255).collect()
}

async fn prove(
    context: &Context,
    route: &ApiRoute,
    level: MfaLevel,
    principal: &Principal,
    ip: IpAddr,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    if level == MfaLevel::None && route.is_open_to_the_unenrolled() {
        return Ok(());
    }
    let now = context.clock.now();
    context
        .step_up
        .pass(level, principal, headers, ip, now)
        .await
        .map_err(|challenge| Refusal::from(challenge).into())
}

/// A body is read for calls that may have one; for others it is nobody's business.
async fn with_body(
    context: &Context,
    route: &ApiRoute,
    scope: &Scope,
    request: Request,
) -> Result<Request, ApiError> {
    if !route.is_unsafe() {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let bytes = body::read(&head.headers, body, context.max_body).await?;
    scope.traffic().add_in(bytes.len() as u64);
    let is_form =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www"));
    if !is_form {
        body::check_shape(&bytes)?;
    }
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// What changes something is on disk before it is done. Before a login there is nobody to hold to it, but somebody may
/// come to be.
fn is_change(route: &ApiRoute) -> bool {
    if matches!(route.access, Access::Pulse(_)) {
        return false;
    }
    let by_permission =
        matches!(route.access, Access::Needs(permission) if permission.effect() == Effect::Change);
    by_permission || (route.is_unsafe() && !route.access.is_public()) || route.may_make_a_person()
}

struct OnOne([Demand; 1]);

impl Demanding for OnOne {
    fn demands(&self) -> &[Demand] {
        &self.0
    }
}
