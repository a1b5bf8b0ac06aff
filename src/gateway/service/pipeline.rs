//! The story of a call of a service, from top to bottom.

use super::{
    answer::{self, Patience},
    call::ServiceCall,
    headers::{self, Said},
    identity::ServiceIdentity,
    tunnel::Tunnel,
};
use crate::{
    audit::{Audit, Decision, Scope, Seen},
    core::{RequestId, SharedClock, drain::Drain, scrub},
    gateway::{
        Body, Refusal, Watch, audit_facts, count_decision,
        respond::{self, ErrorFormat},
    },
    identity::{Entrance, Principal, step_up::StepUp},
    policy::{self, Demand, Demanding as _, Denied, MfaLevel, Permit},
    upstream::{Outbound as _, OutgoingBody, RightLost, ServiceAnswer, Services},
};
use http::{Method, Response, StatusCode, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Duration};

/// The name of all these routes in metrics and records.
const ROUTE: &str = "/svc/{slug}/";
/// Longest path and slug that are recorded, in characters.
const LONGEST: usize = 255;

/// A request for a service as the edge hands it over.
#[derive(Debug)]
pub struct ServiceArrival {
    pub head: Parts,
    pub body: Incoming,
    pub request_id: RequestId,
    pub ip: IpAddr,
    /// How the client reached us: `http` or `https`.
    pub scheme: &'static str,
    /// As it stands in the path; what is encoded is no service.
    pub slug: String,
    /// The path behind the slug, as it stood on the request line.
    pub rest: String,
}

#[derive(Debug)]
pub struct ServicePipeline {
    pub audit: Audit,
    pub entrance: Entrance,
    pub step_up: StepUp,
    pub services: Arc<Services>,
    pub identity: ServiceIdentity,
    pub clock: SharedClock,
    pub drain: Drain,
    /// Websockets and event streams may be silent for this long.
    pub stream_idle: Duration,
}

/// Where the call came from.
#[derive(Clone, Copy)]
struct Origin {
    ip: IpAddr,
    scheme: &'static str,
    request_id: RequestId,
}

/// What came of it.
enum Carried {
    Answer(Box<Passing>),
    Tunnel(Box<Tunnel>),
}

/// An answer, to whom, and what gave them the right to it.
struct Passing {
    answered: ServiceAnswer,
    principal: Principal,
    demands: Vec<Demand>,
}

impl ServicePipeline {
    /// Serves one call. Whatever happens, the record is closed and the client gets an answer. The text is the route's
    /// name in the metrics.
    pub async fn run(&self, arrival: Box<ServiceArrival>) -> (Response<Body>, &'static str) {
        (self.answer(arrival).await, ROUTE)
    }

    /// `/.well-known/jwks.json`.
    pub fn keys(&self, method: &Method) -> Response<Body> {
        self.identity.keys(method)
    }

    async fn answer(&self, arrival: Box<ServiceArrival>) -> Response<Body> {
        let ServiceArrival { mut head, body, request_id, ip, scheme, slug, rest } = *arrival;
        let format = ErrorFormat::wanted_by(&head.headers);
        let seen = Seen::of(request_id, ip, &head.method, &head.headers);
        let Ok(mut scope) = self.audit.open(seen) else {
            return respond::refuse(&Refusal::AuditUnavailable, format, request_id);
        };
        let call = ServiceCall::read(&head, &slug, &rest, !body.is_end_stream());
        let origin = Origin { ip, scheme, request_id };
        match Box::pin(self.carry(&mut scope, &head, body, origin, &slug, call)).await {
            Ok(carried) => {
                count_decision(scope.decision, None);
                self.pass(carried, &slug, scope, &mut head)
            }
            Err(refusal) => refuse(scope, &refusal, format),
        }
    }

    /// authenticate → authorize → prove → record the intent → send. What is wrong with a call is told to those who are
    /// known.
    async fn carry(
        &self,
        scope: &mut Scope,
        head: &Parts,
        body: Incoming,
        origin: Origin,
        slug: &str,
        call: Result<ServiceCall, Refusal>,
    ) -> Result<Carried, Refusal> {
        note(scope, &head.method, slug, call.as_ref().ok());
        let principal = self.entrance.admit(&head.headers).await?;
        scope.set_principal(&principal);
        let permit = self.authorize(scope, &principal, call?)?;
        self.prove(&principal, head, origin.ip).await?;
        if permit.call().may_change() {
            scope.intent().await?;
        }
        self.send(scope, head, body, origin, principal, permit).await
    }

    fn authorize(
        &self,
        scope: &mut Scope,
        principal: &Principal,
        call: ServiceCall,
    ) -> Result<Permit<ServiceCall>, Refusal> {
        match policy::authorize(&principal.rights, call, self.clock.now()) {
            Ok(permit) => {
                scope.decision = Decision::Allow;
                Ok(permit)
            }
            Err(denied) => {
                Err(limited(principal, &denied).unwrap_or_else(|| Refusal::denied(principal, &denied)))
            }
        }
    }

    /// Calls need no fresh factor of a person, but one that is enrolled where that is asked of everybody.
    async fn prove(&self, principal: &Principal, head: &Parts, ip: IpAddr) -> Result<(), Refusal> {
        if principal.session().is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        Ok(Box::pin(self.step_up.pass(MfaLevel::None, principal, &head.headers, ip, now)).await?)
    }

    async fn send(
        &self,
        scope: &mut Scope,
        head: &Parts,
        body: Incoming,
        origin: Origin,
        principal: Principal,
        permit: Permit<ServiceCall>,
    ) -> Result<Carried, Refusal> {
        let (slug, is_websocket) = (permit.call().slug.clone(), permit.call().is_websocket());
        if is_websocket && self.drain.is_stopping() {
            return Err(Refusal::Draining);
        }
        let demands = permit.call().demands().to_vec();
        let permit = permit.map(|mut call| {
            call.headers = self.headers(head, &principal, origin, &slug, is_websocket);
            call
        });
        let answered = match body.is_end_stream() {
            true => self.services.send(&slug, permit, OutgoingBody::Empty).await?,
            false => {
                let watch = || self.watch(principal.clone(), demands.clone()).right_lost();
                let body = OutgoingBody::stream(body, scope.traffic(), RightLost::when(watch()));
                tokio::select! {
                    answered = self.services.send(&slug, permit, body) => answered?,
                    sentence = watch() => return Err(Refusal::Withdrawn(sentence)),
                }
            }
        };
        audit_facts::note_instance(scope, &answered.answer);
        if answered.answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Carried::Answer(Box::new(Passing { answered, principal, demands })));
        }
        if !is_websocket {
            return Err(Refusal::ServiceAnswer);
        }
        let (watch, drain) = (self.watch(principal, demands), self.drain.tunnel());
        Ok(Carried::Tunnel(Box::new(Tunnel { answered, watch, drain, idle: self.stream_idle })))
    }

    fn headers(
        &self,
        head: &Parts,
        principal: &Principal,
        origin: Origin,
        slug: &str,
        is_websocket: bool,
    ) -> http::HeaderMap {
        let Origin { ip, scheme, request_id } = origin;
        let identity = &self.identity.statement(principal, slug, request_id);
        let mut sent = headers::of_client(&head.headers, is_websocket);
        headers::say(&mut sent, &head.headers, &Said { principal, identity, slug, ip, scheme, request_id });
        sent
    }

    fn pass(&self, carried: Carried, slug: &str, scope: Scope, head: &mut Parts) -> Response<Body> {
        match carried {
            Carried::Tunnel(tunnel) => tunnel.start(slug, scope, head),
            Carried::Answer(passing) => {
                let Passing { answered, principal, demands } = *passing;
                let patience = Patience { idle: self.services.limits(slug).idle, events: self.stream_idle };
                answer::relay(answered, slug, &patience, || self.watch(principal, demands), scope)
            }
        }
    }

    fn watch(&self, principal: Principal, demands: Vec<Demand>) -> Watch {
        Watch::new(self.entrance.access.clone(), self.clock.clone(), principal, demands)
    }
}

fn note(scope: &mut Scope, method: &Method, slug: &str, call: Option<&ServiceCall>) {
    scope.action_type = "service";
    scope.action = Cow::Borrowed("service.call");
    scope.resource_type = "service";
    scope.resource = slug.chars().take(LONGEST).collect();
    scope.route = ROUTE;
    let Some(call) = call else { return };
    let path: String = call.path().chars().take(LONGEST).collect();
    scope.command = Some(scrub::scrub(&format!("{method} {path}")).into_owned());
    if let Some(demand) = call.demands().first() {
        scope.permission = Some(demand.permission);
        scope.target = Some(demand.target.clone());
    }
}

/// For those who may call the service, but not so.
fn limited(principal: &Principal, denied: &Denied<ServiceCall>) -> Option<Refusal> {
    let Demand { permission, target } = denied.demand.as_ref()?;
    let grants =
        principal.rights.own.iter().chain(principal.rights.owner.iter().flat_map(|grants| grants.iter()));
    let mut limits = grants
        .filter(|grant| grant.permissions.contains(*permission) && grant.target.covers(target))
        .map(|grant| &grant.limits)
        .filter(|limits| !limits.is_none());
    let limits = limits.next()?;
    let method = target.asked()?.method();
    Some(Refusal::Denied(format!(
        "{principal} may not call {target} like that, with {method}: what they hold is {permission}{limits}"
    )))
}

fn refuse(mut scope: Scope, refusal: &Refusal, format: ErrorFormat) -> Response<Body> {
    if refusal.overturns_the_decision() {
        scope.decision = Decision::Deny;
    }
    scope.reason = Some(Cow::Owned(refusal.audit_reason()));
    count_decision(scope.decision, Some(refusal.code()));
    let request_id = scope.request_id();
    scope.answered(refusal.status());
    scope.close();
    respond::refuse(refusal, format, request_id)
}
