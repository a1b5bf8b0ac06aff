//! The story of a request to the registry, from top to bottom.

use super::{
    body::{self, Unread},
    caller::{Caller, Stranger},
    challenge::{self, Realm, Shown},
    demands::{self, RegistryCall},
    facts, listing,
    measure::{self, Measures},
    refused::{Refused, refusal, refuse},
    ticket::{Purpose, Tickets},
};
use crate::{
    audit::{Audit, Decision, Scope, Seen},
    core::{PublicUrl, RequestId, SharedClock},
    gateway::{Body, Watch, audit_facts, count_decision},
    identity::{
        Entrance, NotAdmitted,
        step_up::{Challenge, StepUp},
    },
    notify::webhook::Webhooks,
    observe::otel::{self, Step},
    policy::{self, Demanding as _, MfaLevel, Permission, Permit, Public},
    registry::{
        self, Backend, ErrorCode, Operation, Pin, Problem, Terms,
        model::{Algorithm, Digest, MAX_MANIFEST_BYTES, Reference, Tag, route},
    },
    store::Db,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, Response, StatusCode,
    header::{AUTHORIZATION, COOKIE},
    request::Parts,
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// A request for the registry as the edge hands it over.
#[derive(Debug)]
pub struct RegistryArrival {
    pub head: Parts,
    pub body: Incoming,
    pub request_id: RequestId,
    pub ip: IpAddr,
}

#[derive(Debug, Clone)]
pub struct RegistryPipeline {
    pub audit: Audit,
    pub entrance: Entrance,
    pub step_up: StepUp,
    pub clock: SharedClock,
    pub backend: Arc<dyn Backend>,
    pub tickets: Tickets,
    pub public: Public,
    pub public_url: PublicUrl,
    pub db: Db,
    pub webhooks: Webhooks,
    pub measures: Measures,
}

pub(super) const NO_AUDIT: &str =
    "the audit log cannot take records now, so nothing is done; try again shortly";
const NO_ACCESS: &str = "rights cannot be verified now, so nothing is done; try again shortly";

impl RegistryPipeline {
    /// Serves one request under `/v2`. The text is the route's name in the metrics.
    pub async fn run(&self, arrival: RegistryArrival) -> (Response<Body>, &'static str) {
        let RegistryArrival { head, body, request_id, ip } = arrival;
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let parsed = otel::step(Step::Classify, || route::parse(&head.method, path, query));
        let label = parsed.as_ref().map_or("unknown", facts::route);
        let seen = Seen::of(request_id, ip, &head.method, &head.headers);
        let Ok(mut scope) = otel::step(Step::OpenAudit, || self.audit.open(seen)) else {
            return (refusal(Problem::new(ErrorCode::Unavailable, NO_AUDIT)), label);
        };
        let action = parsed.as_ref().map_or("other", measure::action);
        let carried = Box::pin(self.carry(&mut scope, head, ip, body, parsed)).await;
        measure::decision(action, scope.decision);
        otel::responding();
        let response = match carried {
            Ok((answer, watch)) => {
                count_decision(scope.decision, None);
                body::relay(answer, scope, watch)
            }
            Err(refused) => refuse(scope, refused),
        };
        (response, label)
    }

    /// authenticate → authorize → prove → record the intent → let the registry answer.
    async fn carry(
        &self,
        scope: &mut Scope,
        head: Parts,
        ip: IpAddr,
        body: Incoming,
        parsed: Result<Operation, Problem>,
    ) -> Result<(Response<registry::Body>, Option<Watch>), Refused> {
        if let Ok(operation) = &parsed {
            facts::note(scope, operation);
        }
        let known = self.authenticate(scope, &head.headers, parsed.as_ref().ok());
        let caller = otel::in_step(Step::Authenticate, known).await?;
        let operation = parsed?;
        let call = match RegistryCall::of(operation) {
            Ok(call) => call,
            Err(operation) => {
                self.prove(MfaLevel::None, &caller, &head.headers, ip).await?;
                scope.decision = Decision::Allow;
                let answer = otel::in_step(Step::Send, self.general(&caller, operation)).await?;
                return Ok((answer, None));
            }
        };
        let permit = otel::step(Step::Authorize, || self.authorize(scope, &caller, call, &head.headers))?;
        let prepared = Box::pin(self.prepare(scope, &caller, permit, &head.headers, body));
        let (permit, body, terms) = otel::in_step(Step::Prepare, prepared).await?;
        self.prove(permit.call().mfa_level(), &caller, &head.headers, ip).await?;
        if demands::is_recorded_first(&permit.call().operation) {
            let unrecorded = |_| Refused::from(Problem::new(ErrorCode::Unavailable, NO_AUDIT));
            otel::in_step(Step::RecordIntent, scope.intent()).await.map_err(unrecorded)?;
        }
        let watch = self.watch(&caller, permit.call());
        let told = self.tell(scope, permit, head.headers, body, terms);
        let answer = otel::in_step(Step::Send, told).await?;
        note_problem(scope, &answer);
        if answer.status().is_success() {
            return Ok((answer, watch));
        }
        match watch.as_ref().and_then(|watch| watch.check().err()) {
            // What the registry says is about a body that broke off.
            Some(sentence) => Err(Refused::withdrawn(sentence)),
            None => Ok((answer, watch)),
        }
    }

    async fn authenticate(
        &self,
        scope: &mut Scope,
        headers: &HeaderMap,
        operation: Option<&Operation>,
    ) -> Result<Caller, Refused> {
        let is_upload = operation.is_some_and(|operation| operation.upload().is_some());
        let purpose = if is_upload { Purpose::Upload } else { Purpose::Anything };
        let stranger = match Caller::read(headers, &self.entrance, &self.tickets, purpose).await {
            Ok(caller) => {
                if let Some(principal) = caller.principal() {
                    scope.set_principal(principal);
                }
                return Ok(caller);
            }
            Err(stranger) => stranger,
        };
        let realm = Realm::of(headers, &self.public_url);
        let (shown, reason) = match stranger {
            Stranger::NotAdmitted(NotAdmitted::Stale(_)) => {
                return Err(Problem::new(ErrorCode::Unavailable, NO_ACCESS).into());
            }
            Stranger::NotAdmitted(NotAdmitted::Auth(error)) => (Shown::Stale, error.code()),
            Stranger::Ticket => (Shown::Stale, "ticket_invalid"),
            Stranger::Nothing => (Shown::Nothing, "credential_missing"),
        };
        let problem = challenge::challenge(&realm, operation, shown);
        Err(Refused { problem: Box::new(problem), code: "unauthenticated", reason: Cow::Borrowed(reason) })
    }

    fn authorize(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        call: RegistryCall,
        headers: &HeaderMap,
    ) -> Result<Permit<RegistryCall>, Refused> {
        if let Some(demand) = call.demands().last() {
            facts::note_demand(scope, demand);
        }
        let now = self.clock.now();
        let own = caller.principal().map(|who| &who.rights);
        let denied = match self.public.authorize(own, call, now) {
            Ok(permit) => {
                scope.decision = Decision::Allow;
                return Ok(permit);
            }
            Err(denied) => denied,
        };
        let Some(principal) = caller.principal() else {
            let realm = Realm::of(headers, &self.public_url);
            let problem = challenge::challenge(&realm, Some(&denied.call.operation), Shown::Nothing);
            let reason = Cow::Borrowed("anonymous callers may not do this");
            return Err(Refused { problem: Box::new(problem), code: "unauthenticated", reason });
        };
        let sentence = audit_facts::sentence(principal, &denied);
        scope.decision = Decision::Deny;
        let problem = Problem::new(ErrorCode::Denied, sentence.clone());
        Err(Refused { problem: Box::new(problem), code: "denied", reason: Cow::Owned(sentence) })
    }

    /// A person proves a second factor where a permission asks for it, and has enrolled one before anything else.
    pub(super) async fn prove(
        &self,
        level: MfaLevel,
        caller: &Caller,
        headers: &HeaderMap,
        ip: IpAddr,
    ) -> Result<(), Challenge> {
        let Some(person) = caller.principal().filter(|who| who.session().is_some()) else { return Ok(()) };
        let proof = self.step_up.pass(level, person, headers, ip, self.clock.now());
        Box::pin(otel::in_step(Step::Prove, proof)).await
    }

    /// Grants a mount whose source may be read, and asks for the right to move a tag when one would move.
    async fn prepare(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        permit: Permit<RegistryCall>,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<(Permit<RegistryCall>, registry::Body, Terms), Refused> {
        let counted = body::counted(body, scope.traffic(), self.watch(caller, permit.call()));
        let mut terms = Terms { subject: caller.subject(), pins: Vec::new() };
        if let Some(source) = permit.call().operation.mount_source() {
            let demand = demands::demand(Permission::RepoPull, source);
            if caller.may(demand.permission, &demand.target, &self.public, self.clock.now()) {
                let granted = permit.map(|mut call| {
                    call.operation = call.operation.grant_mount();
                    call
                });
                facts::note(scope, &granted.call().operation);
                return Ok((granted, counted, terms));
            }
        }
        let Operation::ManifestPut { repository, reference, tags } = &permit.call().operation else {
            return Ok((permit, counted, terms));
        };
        let manifest = read_manifest(counted).await?;
        // It may have come slowly, and the right to it be gone.
        if let Some(watch) = self.watch_over(caller, permit.call()) {
            watch.check().map_err(Refused::withdrawn)?;
        }
        // Tags point to manifests by SHA-256.
        let digest = Digest::of(Algorithm::Sha256, &manifest);
        let named = match reference {
            Reference::Tag(tag) => Some(tag.clone()),
            Reference::Digest(_) => None,
        };
        let tags: Vec<Tag> = named.into_iter().chain(tags.iter().cloned()).collect();
        let mut moves = false;
        for tag in &tags {
            let there = self.digest_of(Operation::ManifestHead {
                repository: repository.clone(),
                reference: Reference::Tag(tag.clone()),
            });
            moves |= there.await.is_some_and(|there| there != digest.to_string());
        }
        scope.changes = Some(digest.to_string());
        let body = Full::new(manifest).map_err(|never| match never {}).boxed_unsync();
        if !moves {
            // Somebody else may make the tag before we do.
            terms.pins = self.pins(caller, &permit.call().operation, tags);
            return Ok((permit, body, terms));
        }
        let call = permit.into_call().and(Permission::TagOverwrite);
        Ok((self.authorize(scope, caller, call, headers)?, body, terms))
    }

    /// Tags that the caller may make but not move, with what they are told if it comes to that.
    fn pins(&self, caller: &Caller, operation: &Operation, tags: Vec<Tag>) -> Vec<Pin> {
        let (Some(principal), Ok(call)) = (caller.principal(), RegistryCall::of(operation.clone())) else {
            return Vec::new();
        };
        let call = call.and(Permission::TagOverwrite);
        let Err(denied) = policy::authorize(&principal.rights, call, self.clock.now()) else {
            return Vec::new();
        };
        let refusal = Problem::new(ErrorCode::Denied, audit_facts::sentence(principal, &denied));
        tags.into_iter().map(|tag| Pin { tag, refusal: refusal.clone() }).collect()
    }

    pub(super) async fn digest_of(&self, operation: Operation) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("*/*"));
        let request = registry::Request { headers, ..registry::Request::plain(operation) };
        let answer = self.backend.answer(request).await;
        let digest = answer.headers().get("docker-content-digest")?;
        (answer.status() == StatusCode::OK).then(|| digest.to_str().ok().map(str::to_owned))?
    }

    /// The one door to the registry for what needs a permission.
    pub(super) async fn send(
        &self,
        permit: Permit<RegistryCall>,
        mut headers: HeaderMap,
        body: registry::Body,
        terms: Terms,
    ) -> Response<registry::Body> {
        headers.remove(AUTHORIZATION);
        headers.remove(COOKIE);
        let operation = permit.into_call().operation;
        self.backend.answer(registry::Request { operation, headers, body, terms }).await
    }

    /// What everybody who is known may ask.
    fn general<'a>(
        &'a self,
        caller: &'a Caller,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Response<registry::Body>, Refused>> {
        Box::pin(async move {
            let Operation::Catalog { page } = operation else {
                return Ok(self.backend.answer(registry::Request::plain(operation)).await);
            };
            let now = self.clock.now();
            let sees = |name: &str| {
                let target = policy::Target::repository(name);
                caller.may(Permission::CatalogList, &target, &self.public, now)
            };
            Ok(listing::catalog(&*self.backend, page, &sees).await?)
        })
    }

    /// Large downloads and uploads end when the right to them does.
    fn watch(&self, caller: &Caller, call: &RegistryCall) -> Option<Watch> {
        if demands::is_long(&call.operation) { self.watch_over(caller, call) } else { None }
    }

    /// `None` when everybody may do it.
    fn watch_over(&self, caller: &Caller, call: &RegistryCall) -> Option<Watch> {
        let demand = call.demands().first()?;
        if self.public.allows(demand.permission, &demand.target, self.clock.now()) {
            return None;
        }
        let principal = caller.principal()?.clone();
        Some(Watch::new(self.entrance.access.clone(), self.clock.clone(), principal, call.demands().to_vec()))
    }
}

/// What the registry itself refused, such as what a rule forbids, stands in the record as if it had been decided before.
fn note_problem(scope: &mut Scope, answer: &Response<registry::Body>) {
    let Some(problem) = answer.extensions().get::<Arc<Problem>>() else { return };
    if problem.code == ErrorCode::Denied {
        scope.decision = Decision::Deny;
    }
    scope.reason = Some(problem.message.clone());
}

async fn read_manifest(body: registry::Body) -> Result<Bytes, Refused> {
    body::read(body, MAX_MANIFEST_BYTES).await.map_err(|unread| match unread {
        Unread::TooLong => registry::model::too_large().into(),
        Unread::Broken => {
            Problem::new(ErrorCode::ManifestInvalid, "the manifest broke off before its end").into()
        }
    })
}
