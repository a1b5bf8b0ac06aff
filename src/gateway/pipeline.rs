//! The story of a request to a rack, from top to bottom.

use super::{
    Body, Refusal, Settings, audit_facts,
    classify::convox::{self, BadParameter, RackCall, Unclassified, Upgrade},
    masking, outgoing,
    refuse_socket::{self, Way},
    respond::{self, ErrorFormat},
    target::ParsedTarget,
    tunnel,
    watch::{Watch, is_long},
};
use crate::{
    audit::{Audit, Decision, Scope, Seen},
    core::{Live, RequestId, SharedClock, drain::Drain},
    identity::{Entrance, Principal, step_up::StepUp},
    observe::{
        errors::{FailureFacts, FailureKind, capture_failure},
        otel::{self, Step},
    },
    policy::{self, Effect, MfaLevel, Permit},
    upstream::{Outbound, OutgoingBody, Rack, RackBody, Racks, Silence},
};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use std::{borrow::Cow, error::Error, net::IpAddr, sync::Arc};

/// A request for a rack as the edge hands it over: who sent it, and where it is to go.
#[derive(Debug)]
pub struct Arrival {
    pub head: Parts,
    pub body: Incoming,
    pub request_id: RequestId,
    pub ip: IpAddr,
    /// The rack's name from the path; the default rack without one.
    pub rack: Option<String>,
    /// The rack path and query, as they stood on the request line; begins with `/`.
    pub target: String,
}

impl Arrival {
    fn seen(&self) -> Seen {
        Seen::of(self.request_id, self.ip, &self.head.method, &self.head.headers)
    }
}

#[derive(Debug)]
pub struct Pipeline {
    pub audit: Audit,
    pub entrance: Entrance,
    pub step_up: StepUp,
    pub racks: Arc<Racks>,
    pub clock: SharedClock,
    pub settings: Live<Settings>,
    pub drain: Drain,
}

/// A request that is understood but not yet decided on.
struct Understood {
    rack: Arc<Rack>,
    /// Boxed, because it changes hands often.
    call: Box<RackCall>,
}

impl Pipeline {
    /// Serves one request. Whatever happens, the scope is closed and the client gets an answer. The text is the
    /// route's name in the metrics: the rack's own path, or `preflight` or `unknown`.
    pub async fn run(&self, arrival: Box<Arrival>) -> (Response<Body>, &'static str) {
        let understood = otel::step(Step::Classify, || self.understand(&arrival));
        let label = match &understood {
            Ok(known) => known.call.route.template,
            Err(Refusal::Preflight) => "preflight",
            Err(_) => "unknown",
        };
        (self.answer(arrival, understood).await, label)
    }

    async fn answer(&self, arrival: Box<Arrival>, understood: Result<Understood, Refusal>) -> Response<Body> {
        let (request_id, format) = (arrival.request_id, ErrorFormat::wanted_by(&arrival.head.headers));
        if let Err(Refusal::Preflight) = understood {
            return respond::refuse(&Refusal::Preflight, format, request_id);
        }
        let Ok(mut scope) = otel::step(Step::OpenAudit, || self.audit.open(arrival.seen())) else {
            return respond::refuse(&Refusal::AuditUnavailable, format, request_id);
        };
        let Arrival { mut head, body, ip, .. } = *arrival;
        let way = Way::of(&head, understood.as_ref().ok().map(|known| known.call.route));
        let carried = self.carry(&mut scope, &head, ip, body, understood).await;
        if carried.is_ok() {
            audit_facts::count_decision(scope.decision, None);
        }
        let kind = carried.as_ref().map_or_else(Refusal::code, |_| "rack_answer");
        let facts = FailureFacts { kind, user_id: scope.user_id };
        otel::responding();
        let mut response = match carried {
            Ok(Carried::Answer(answer, silence, watch)) => respond::relay(answer, silence, watch, scope),
            Ok(Carried::Masked(answer)) => respond::whole(answer, scope),
            Ok(Carried::Tunnel(tunnel)) => tunnel.start(scope, &mut head),
            Err(refusal) => self.refuse(scope, &refusal, way, &mut head, format),
        };
        facts.note(&mut response);
        response
    }

    /// authenticate → authorize → prove → prepare the body → record the intent → send.
    async fn carry(
        &self,
        scope: &mut Scope,
        head: &Parts,
        ip: IpAddr,
        body: Incoming,
        understood: Result<Understood, Refusal>,
    ) -> Result<Carried, Refusal> {
        if let Ok(known) = &understood {
            audit_facts::note_call(scope, &known.call);
            scope.byte_counters = Some(known.rack.bytes.clone());
        }
        let principal = otel::in_step(Step::Authenticate, self.authenticate(scope, head)).await?;
        let Understood { rack, call } = understood?;
        let permit = otel::step(Step::Authorize, || self.authorize(scope, &principal, call))?;
        if principal.session().is_some() {
            let proof = self.prove(&principal, permit.call(), head, ip);
            Box::pin(otel::in_step(Step::Prove, proof)).await?;
        }
        let exchange = Exchange { pipeline: self, rack: &rack, principal: &principal };
        let prepared = outgoing::prepare(&exchange, scope, &permit, head, body);
        let body = otel::in_step(Step::Prepare, prepared).await?;
        self.record_intent(scope, permit.call()).await?;
        otel::in_step(Step::Send, exchange.send(scope, permit, body)).await
    }

    fn understand(&self, arrival: &Arrival) -> Result<Understood, Refusal> {
        let rack = match &arrival.rack {
            None => self.racks.default_rack(),
            Some(name) => self.racks.named(name).ok_or_else(|| Refusal::unknown_rack(name))?,
        };
        let target = ParsedTarget::parse(&arrival.target)?;
        let (method, headers) = (&arrival.head.method, &arrival.head.headers);
        let upgrade = Upgrade::asked_by(arrival.head.version, headers);
        let call = Box::new(convox::classify(&rack.name, method, upgrade, &target, headers)?);
        if call.is_websocket() && !arrival.body.is_end_stream() {
            // The connection could not become a tunnel before the body is read, and nobody reads it.
            return Err(BadParameter::unexpected_body(call.route).into());
        }
        Ok(Understood { rack, call })
    }

    async fn authenticate(&self, scope: &mut Scope, head: &Parts) -> Result<Principal, Refusal> {
        let principal = self.entrance.admit(&head.headers).await?;
        scope.set_principal(&principal);
        Ok(principal)
    }

    fn authorize(
        &self,
        scope: &mut Scope,
        principal: &Principal,
        call: Box<RackCall>,
    ) -> Result<Permit<Box<RackCall>>, Refusal> {
        match policy::authorize(&principal.rights, call, self.clock.now()) {
            Ok(permit) => {
                scope.decision = Decision::Allow;
                Ok(permit)
            }
            Err(denied) => {
                if let Some(demand) = &denied.demand {
                    scope.permission = Some(demand.permission);
                }
                Err(Refusal::denied(principal, &denied))
            }
        }
    }

    /// A person proves a second factor where the most demanding of the permissions asks for it.
    async fn prove(
        &self,
        principal: &Principal,
        call: &RackCall,
        head: &Parts,
        ip: IpAddr,
    ) -> Result<(), Refusal> {
        let level =
            call.route.needs.iter().map(|permission| permission.mfa()).max().unwrap_or(MfaLevel::None);
        Ok(self.step_up.pass(level, principal, &head.headers, ip, self.clock.now()).await?)
    }

    /// What changes something is on disk before it is done.
    async fn record_intent(&self, scope: &mut Scope, call: &RackCall) -> Result<(), Refusal> {
        if call.route.needs.iter().any(|permission| permission.effect() == Effect::Change) {
            Box::pin(otel::in_step(Step::RecordIntent, scope.intent())).await?;
        }
        Ok(())
    }

    fn refuse(
        &self,
        mut scope: Scope,
        refusal: &Refusal,
        way: Way,
        head: &mut Parts,
        format: ErrorFormat,
    ) -> Response<Body> {
        if refusal.overturns_the_decision() {
            scope.decision = Decision::Deny;
        }
        scope.reason = Some(Cow::Owned(refusal.audit_reason()));
        audit_facts::count_decision(scope.decision, Some(refusal.code()));
        let request_id = scope.request_id();
        // Who must prove something is told by status and headers, which their client understands.
        let in_band = !matches!(refusal, Refusal::Unproven(_));
        if let (true, Way::InBand { accept }) = (in_band, way) {
            return refuse_socket::in_band(refusal, accept, scope, head, self.drain.tunnel());
        }
        scope.answered(refusal.status());
        scope.close();
        respond::refuse(refusal, format, request_id)
    }
}

/// What came of it.
pub(super) enum Carried {
    /// An answer that streams, how long its rack may be silent, and for a long one whether it may go on.
    Answer(Response<RackBody>, Silence, Option<Watch>),
    /// An answer that had to be read whole, because parts of it must not be shown.
    Masked(Response<Bytes>),
    Tunnel(tunnel::Tunnel),
}

/// The parties of one exchange.
pub(super) struct Exchange<'a> {
    pub pipeline: &'a Pipeline,
    pub rack: &'a Arc<Rack>,
    pub principal: &'a Principal,
}

impl Exchange<'_> {
    async fn send(
        &self,
        scope: &mut Scope,
        permit: Permit<Box<RackCall>>,
        body: OutgoingBody,
    ) -> Result<Carried, Refusal> {
        let convox::Route { reply, needs, .. } = *permit.call().route;
        let tunnel = tunnel::Plan::of(permit.call());
        if tunnel.is_some() && self.pipeline.drain.is_stopping() {
            return Err(Refusal::Draining);
        }
        let sight = reply.is_masked().then(|| masking::sight(self, permit.call()));
        let watch = tunnel.as_ref().map(|_| Watch::of(self, permit.call()));
        let answer = match body.is_stream() {
            true => Box::pin(self.upload(scope, permit, body)).await?,
            false => self.forward(scope, permit, body).await?,
        };
        audit_facts::note_instance(scope, &answer);
        let masked = sight.filter(|_| answer.status().is_success());
        match (tunnel, watch) {
            (Some(plan), Some(watch)) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let (drain, idle) = (self.pipeline.drain.tunnel(), self.pipeline.settings.get().stream_idle);
                Ok(Carried::Tunnel(tunnel::Tunnel { plan, watch, drain, idle, answer }))
            }
            // A protocol that nobody asked for leads nowhere.
            _ if answer.status() == StatusCode::SWITCHING_PROTOCOLS => Err(Refusal::RackAnswer),
            _ => match masked {
                Some(sight) => Box::pin(masking::masked(self, answer, sight)).await.map(Carried::Masked),
                None => {
                    let watch = is_long(answer.body()).then(|| Watch::of_answer(self, scope, needs));
                    Ok(Carried::Answer(answer, self.rack.silence(), watch))
                }
            },
        }
    }

    /// An upload ends with the right to it, also while the rack does not read.
    async fn upload(
        &self,
        scope: &Scope,
        permit: Permit<Box<RackCall>>,
        body: OutgoingBody,
    ) -> Result<Response<RackBody>, Refusal> {
        let watch = Watch::of(self, permit.call());
        let carried = tokio::select! {
            carried = self.forward(scope, permit, body) => carried,
            sentence = watch.clone().right_lost() => return Err(Refusal::Withdrawn(sentence)),
        };
        // The body breaks off for the same reason, and the connection with it.
        carried.map_err(|error| watch.check().err().map_or(error, Refusal::Withdrawn))
    }

    /// Sends through the one door out. A rack that refuses our own credential has not answered the caller.
    pub(super) async fn forward<T: Outbound>(
        &self,
        scope: &Scope,
        permit: Permit<T>,
        body: OutgoingBody,
    ) -> Result<Response<RackBody>, Refusal> {
        let request_id = scope.request_id();
        let answer = self.rack.send(permit, body, &self.principal.user.email, request_id).await;
        let answer = answer.inspect_err(|error| {
            // The caller is told what happened; why is for who runs the rack.
            let error: &(dyn Error + 'static) = error;
            tracing::warn!(rack = &*self.rack.name, %request_id, error, "cannot ask the rack");
            let text = error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
            capture_failure(FailureKind::Upstream, &self.rack.name, Some(request_id), &text);
        })?;
        self.rack.compare_clocks(answer.headers(), self.pipeline.clock.now());
        if answer.status() == StatusCode::UNAUTHORIZED {
            let text = "it refused our credential";
            capture_failure(FailureKind::Upstream, &self.rack.name, Some(request_id), text);
            return Err(Refusal::RackCredential);
        }
        Ok(answer)
    }
}

impl From<Unclassified> for Refusal {
    fn from(unclassified: Unclassified) -> Self {
        match unclassified {
            Unclassified::UnknownRoute => Self::UnknownRoute,
            Unclassified::Preflight => Self::Preflight,
            Unclassified::Refused(bad) => Self::BadParameter(bad),
        }
    }
}
