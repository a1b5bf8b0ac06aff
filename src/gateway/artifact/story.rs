//! The story of a request to the artifact registry, from top to bottom.

use super::{
    Operation, Problem,
    answer::{self, Audience},
    caller::Caller,
    demands::ArtifactCall,
    publish::Uploads,
    whole,
};
use crate::{
    audit::{Audit, Decision, Scope, Seen},
    core::{RequestId, SharedClock},
    gateway::{Body, Sender, Watch, audit_facts, count_decision, watch::is_long},
    identity::{Entrance, step_up::StepUp},
    observe::otel::{self, Step},
    policy::{self, Demanding as _, Permission, Permit, Public},
    upstream::{ArtifactServer, OpenDocument, OutgoingBody, RackBody, UpstreamError},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use hyper::body::Incoming;
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// A request for the artifact registry as the edge hands it over.
#[derive(Debug)]
pub struct ArtifactArrival {
    pub head: Parts,
    pub body: Incoming,
    pub request_id: RequestId,
    pub ip: IpAddr,
    /// The registry's path and query, as they stood on the request line.
    pub target: String,
}

#[derive(Debug, Clone)]
pub struct ArtifactPipeline {
    pub audit: Audit,
    pub entrance: Entrance,
    pub step_up: StepUp,
    pub clock: SharedClock,
    pub server: Arc<ArtifactServer>,
    pub public: Public,
    pub uploads: Uploads,
}

/// What came of it.
enum Carried {
    /// As it comes, and for a long one whether it may go on.
    Stream(Box<(Response<RackBody>, Option<Watch>)>),
    Whole(Response<Bytes>),
}

impl ArtifactPipeline {
    /// Serves one request. The text is the route's name in the metrics.
    pub async fn run(&self, arrival: Box<ArtifactArrival>) -> (Response<Body>, &'static str) {
        let ArtifactArrival { head, body, request_id, ip, target } = *arrival;
        let parsed = otel::step(Step::Classify, || Operation::parse(&head.method, &target));
        let label = parsed.as_ref().map_or("unknown", Operation::route);
        let seen = Seen::of(request_id, ip, &head.method, &head.headers);
        let Ok(mut scope) = otel::step(Step::OpenAudit, || self.audit.open(seen)) else {
            return (Problem::no_audit().into_response(request_id), label);
        };
        scope.byte_counters = Some(self.server.bytes.clone());
        let carried = Box::pin(self.carry(&mut scope, &head, body, parsed)).await;
        otel::responding();
        let response = match carried {
            Ok(carried) => {
                count_decision(scope.decision, None);
                self.respond(carried, scope)
            }
            Err(problem) => refuse(scope, problem),
        };
        (response, label)
    }

    /// authenticate → prove → authorize → record the intent → send.
    async fn carry(
        &self,
        scope: &mut Scope,
        head: &Parts,
        body: Incoming,
        parsed: Result<Operation, Problem>,
    ) -> Result<Carried, Problem> {
        scope.action_type = "registry";
        scope.resource_type = "artifact";
        if let Ok(operation) = &parsed {
            note(scope, operation);
        }
        let caller = otel::in_step(Step::Authenticate, Caller::read(&head.headers, &self.entrance)).await?;
        if let Some(principal) = caller.principal() {
            scope.set_principal(principal);
        }
        let operation = match (parsed, &caller) {
            // Strangers do not learn what is a mistake here.
            (Err(_), Caller::Anonymous) => return Err(self.stranger()),
            (parsed, _) => parsed?,
        };
        self.prove(scope, &caller, &operation, &head.headers).await?;
        match operation {
            Operation::Publish => {
                Box::pin(self.publish(scope, &caller, &head.headers, body)).await.map(Carried::Whole)
            }
            Operation::Health => Ok(Carried::Whole(self.health(scope).await)),
            Operation::Namespaces => self.namespaces(scope, &caller).await.map(Carried::Whole),
            Operation::Schema(file) => self.open(scope, head, OpenDocument::Schema(file)).await,
            Operation::Preset(name) => self.open(scope, head, OpenDocument::Preset(&name)).await,
            Operation::Registries { .. } => {
                self.registries(scope, &caller, operation).await.map(Carried::Whole)
            }
            Operation::Versions(_)
            | Operation::Latest(_)
            | Operation::Document(..)
            | Operation::File { .. } => self.read(scope, &caller, head, operation).await,
        }
    }

    /// A person proves a second factor where the permission asks for it, and has enrolled one before anything else.
    async fn prove(
        &self,
        scope: &Scope,
        caller: &Caller,
        operation: &Operation,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let Some(person) = caller.principal().filter(|who| who.session().is_some()) else { return Ok(()) };
        let permission = match operation {
            Operation::Publish => Permission::ArtifactPublish,
            _ => Permission::ArtifactRead,
        };
        let (ip, now) = (scope.seen().ip, self.clock.now());
        let proof = self.step_up.pass(permission.mfa(), person, headers, ip, now);
        Ok(Box::pin(otel::in_step(Step::Prove, proof)).await?)
    }

    pub(super) fn authorize(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        call: ArtifactCall,
    ) -> Result<Permit<ArtifactCall>, Problem> {
        if let Some(demand) = call.demands().first() {
            scope.permission = Some(demand.permission);
            scope.target = Some(demand.target.clone());
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
        let principal = caller.principal().ok_or_else(|| self.stranger())?;
        let code = match denied.call.operation {
            Operation::Publish => "NAMESPACE_NOT_ALLOWED",
            _ => "FORBIDDEN_NAMESPACE",
        };
        let sentence = audit_facts::sentence(principal, &denied);
        Err(Problem::new(StatusCode::FORBIDDEN, code, sentence))
    }

    async fn read(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        head: &Parts,
        operation: Operation,
    ) -> Result<Carried, Problem> {
        let target = operation.reads().unwrap_or_default();
        let audience = self.audience(&target);
        let call = ArtifactCall::read(operation, head.method.clone(), answer::asked(&head.headers))
            .map_err(|_| Problem::unknown_route())?;
        let permit = otel::step(Step::Authorize, || self.authorize(scope, caller, call))?;
        let demands = permit.call().demands().to_vec();
        let asked = self.server.send(permit, OutgoingBody::Empty, scope.request_id());
        let answer = otel::in_step(Step::Send, asked).await;
        let answer = self.heard(scope, answer).await?;
        let watch = match (audience, caller.principal()) {
            (Audience::TheCaller, Some(principal)) if is_long(answer.body()) => {
                let (access, clock) = (self.entrance.access.clone(), self.clock.clone());
                Some(Watch::new(access, clock, principal.clone(), demands))
            }
            _ => None,
        };
        Ok(stream(answer, &head.headers, audience, watch))
    }

    /// Schemas and presets, which the protocol shows to everybody.
    async fn open(
        &self,
        scope: &mut Scope,
        head: &Parts,
        document: OpenDocument<'_>,
    ) -> Result<Carried, Problem> {
        scope.decision = Decision::Allow;
        let (method, headers) = (head.method.clone(), answer::asked(&head.headers));
        let asked = self.server.ask(document, method, headers, scope.request_id());
        let answer = otel::in_step(Step::Send, asked).await;
        let answer = self.heard(scope, answer).await?;
        Ok(stream(answer, &head.headers, Audience::Everybody, None))
    }

    async fn health(&self, scope: &mut Scope) -> Response<Bytes> {
        scope.decision = Decision::Allow;
        let asked = self.server.ask(OpenDocument::Health, Method::GET, HeaderMap::new(), scope.request_id());
        let is_well = match otel::in_step(Step::Send, asked).await {
            Ok(answer) => Ok(answer.status() == StatusCode::OK),
            Err(error) => {
                self.unanswered(scope, error);
                Err("the artifact registry cannot be reached")
            }
        };
        let (status, document) = whole::health(is_well);
        let mut response = Response::new(Bytes::from(document.to_string()));
        *response.status_mut() = status;
        response
    }

    /// The namespaces that the caller may read.
    async fn namespaces(&self, scope: &mut Scope, caller: &Caller) -> Result<Response<Bytes>, Problem> {
        if caller.principal().is_none() && self.public.is_empty() {
            return Err(self.stranger());
        }
        scope.decision = Decision::Allow;
        let asked =
            self.server.ask(OpenDocument::Namespaces, Method::GET, HeaderMap::new(), scope.request_id());
        let asked = otel::in_step(Step::Send, asked).await;
        let answer = self.heard(scope, asked).await?;
        let now = self.clock.now();
        let sees = |name: &str| caller.may_read(name.trim_start_matches('@'), &self.public, now);
        let document = whole::filtered(&whole::read(answer.into_body()).await?, "namespaces", sees)?;
        Ok(listed(&document, Audience::TheCaller))
    }

    /// What a namespace holds, as far as the caller may read it.
    async fn registries(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        operation: Operation,
    ) -> Result<Response<Bytes>, Problem> {
        let namespace = operation.reads().unwrap_or_default();
        let call = ArtifactCall::read(operation, Method::GET, HeaderMap::new())
            .map_err(|_| Problem::unknown_route())?;
        let permit = otel::step(Step::Authorize, || self.authorize(scope, caller, call))?;
        let asked = self.server.send(permit, OutgoingBody::Empty, scope.request_id());
        let asked = otel::in_step(Step::Send, asked).await;
        let answer = self.heard(scope, asked).await?;
        let now = self.clock.now();
        let sees = |name: &str| caller.may_read(&format!("{namespace}/{name}"), &self.public, now);
        let mut document = whole::filtered(&whole::read(answer.into_body()).await?, "registries", sees)?;
        if let Some(document) = document.as_object_mut() {
            document.insert("namespace".to_owned(), format!("@{namespace}").into());
        }
        Ok(listed(&document, Audience::TheCaller))
    }

    fn audience(&self, target: &str) -> Audience {
        let target = policy::Target::artifact(target);
        let public = self.public.allows(Permission::ArtifactRead, &target, self.clock.now());
        if public { Audience::Everybody } else { Audience::TheCaller }
    }

    /// The answer, when it is one that may be passed on.
    pub(super) async fn heard(
        &self,
        scope: &mut Scope,
        answer: Result<Response<RackBody>, UpstreamError>,
    ) -> Result<Response<RackBody>, Problem> {
        let answer = answer.map_err(|error| self.unanswered(scope, error))?;
        audit_facts::note_instance(scope, &answer);
        whole::judge(answer).await
    }

    /// The caller is told what happened; why is for who runs the registry.
    fn unanswered(&self, scope: &Scope, error: UpstreamError) -> Problem {
        let request_id = scope.request_id();
        let cause: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(%request_id, error = cause, "cannot ask the artifact registry");
        error.into()
    }

    fn respond(&self, carried: Carried, mut scope: Scope) -> Response<Body> {
        match carried {
            Carried::Stream(streamed) => {
                let (answer, watch) = *streamed;
                scope.answered(answer.status());
                let (head, body) = answer.into_parts();
                if head.status == StatusCode::NOT_MODIFIED {
                    scope.close();
                    return Response::from_parts(head, Body::Empty);
                }
                Response::from_parts(
                    head,
                    Body::stream(Sender::Artifact, body, scope, self.server.silence(), watch),
                )
            }
            Carried::Whole(answer) => {
                scope.answered(answer.status());
                scope.traffic().add_out(answer.body().len() as u64);
                scope.close();
                let mut response = answer.map(Body::whole);
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
                response
            }
        }
    }
}

fn note(scope: &mut Scope, operation: &Operation) {
    scope.action = Cow::Borrowed(operation.action());
    scope.route = operation.route();
    scope.resource = operation.reads().unwrap_or_default();
    scope.command = operation.detail();
}

fn stream(
    answer: Response<RackBody>,
    request: &HeaderMap,
    audience: Audience,
    watch: Option<Watch>,
) -> Carried {
    let (mut head, body) = answer.into_parts();
    answer::rewrite(&mut head, request, audience);
    Carried::Stream(Box::new((Response::from_parts(head, body), watch)))
}

fn listed(document: &serde_json::Value, audience: Audience) -> Response<Bytes> {
    let bytes = Bytes::from(document.to_string());
    let length = bytes.len();
    let mut response = Response::new(bytes);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer::keep(response.headers_mut(), None, audience);
    response
}

fn refuse(mut scope: Scope, problem: Problem) -> Response<Body> {
    if problem.code == "AUDIT_UNAVAILABLE" {
        scope.decision = Decision::Deny;
    }
    let reason = match &problem.reason {
        Some(reason) => reason.clone(),
        None => problem.message.clone(),
    };
    scope.reason = Some(reason);
    count_decision(scope.decision, Some(metric(&problem)));
    scope.answered(problem.status);
    let request_id = scope.request_id();
    scope.close();
    problem.into_response(request_id)
}

/// A word of a closed set: codes of the server behind are not ours to bound.
fn metric(problem: &Problem) -> &'static str {
    if let Some(word) = problem.unproven {
        return word;
    }
    match problem.status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "denied",
        StatusCode::SERVICE_UNAVAILABLE if problem.code == "AUDIT_UNAVAILABLE" => "audit_unavailable",
        StatusCode::SERVICE_UNAVAILABLE if problem.code == "UPLOAD_UNAVAILABLE" => "upload_unavailable",
        StatusCode::SERVICE_UNAVAILABLE => "access_unavailable",
        status if status.is_server_error() => "upstream_broken",
        _ => "bad_parameter",
    }
}
