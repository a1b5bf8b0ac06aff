//! Services of the directory, called by slug. Who is called is decided with each request, from the snapshot of that
//! moment; connections are kept per instance.

mod balance;
mod ejection;
mod endpoint;
mod error;
mod group;
mod metrics;
mod own;
mod spare;

pub use ejection::EjectionRules;
pub use endpoint::Busy;
pub use error::ServiceError;
pub use own::OwnService;

use super::{Outbound, OutgoingBody, RackBody, pool::PoolError};
use crate::{
    directory::{AddressGuard, Directory, InstanceTls},
    policy::Permit,
};
use endpoint::{Dial, Endpoint};
use group::Group;
use http::{Request, Response};
use metrics::ServiceMetrics;
use spare::Spare;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a service may take for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// To find its address and to connect, TLS included.
    pub connect: Duration,
    /// Until the head of an answer.
    pub response: Duration,
    /// Silence in the middle of an answer.
    pub idle: Duration,
}

#[derive(Clone, Debug)]
pub struct ServiceSettings {
    pub limits: ServiceLimits,
    /// Services with limits of their own, by slug.
    pub by_slug: HashMap<String, ServiceLimits>,
    pub ejection: EjectionRules,
}

impl ServiceSettings {
    pub fn limits(&self, slug: &str) -> ServiceLimits {
        self.by_slug.get(slug).copied().unwrap_or(self.limits)
    }
}

/// Draws a whole number below the given one.
type Draw = Box<dyn Fn(u64) -> u64 + Send + Sync>;

/// The way to all services.
pub struct Services {
    directory: Directory,
    dial: Dial,
    settings: ServiceSettings,
    draw: Draw,
    groups: Mutex<HashMap<String, Arc<Group>>>,
    metrics: ServiceMetrics,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What an instance answered, which the answer names by its extension `Reached`. The call counts as under way until `busy` is dropped.
#[derive(Debug)]
pub struct ServiceAnswer {
    pub answer: Response<RackBody>,
    pub busy: Busy,
}

impl Services {
    pub fn new(
        directory: Directory,
        guard: AddressGuard,
        tls: impl Into<InstanceTls>,
        settings: ServiceSettings,
    ) -> Self {
        Self {
            directory,
            dial: Dial { guard, tls: tls.into(), needs_tls: false },
            settings,
            draw: Box::new(|below| rand::random::<u64>() % below.max(1)),
            groups: Mutex::default(),
            metrics: ServiceMetrics::default(),
        }
    }

    /// Passes over instances without TLS: for whoever sends them a credential and trusts certain certificates only.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.dial.needs_tls = true;
        self
    }

    /// With dice that tests know.
    #[must_use]
    pub fn with_dice(self, draw: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self { draw: Box::new(draw), ..self }
    }

    pub fn limits(&self, slug: &str) -> ServiceLimits {
        self.settings.limits(slug)
    }

    /// Sends the call that the permit was given for to one of the service's instances. Returns with the head of the
    /// answer.
    pub async fn send<T: Outbound>(
        &self,
        slug: &str,
        permit: Permit<T>,
        body: OutgoingBody,
    ) -> Result<ServiceAnswer, ServiceError> {
        let started = Instant::now();
        let request = request(permit.into_call(), body)?;
        let answered = Box::pin(self.forward(slug, request)).await;
        let status = match &answered {
            Ok(answered) => answered.answer.status(),
            // What is not registered must not become a label.
            Err(ServiceError::Unknown(_)) => return answered,
            Err(error) => error.status(),
        };
        self.metrics.answered(slug, status, started.elapsed());
        answered
    }

    /// One instance, and a second one when the first cannot be reached and nothing can be done twice.
    pub(super) async fn forward(
        &self,
        slug: &str,
        request: Request<OutgoingBody>,
    ) -> Result<ServiceAnswer, ServiceError> {
        let group = self.group(slug).ok_or_else(|| ServiceError::Unknown(slug.chars().take(60).collect()))?;
        let dice = &*self.draw;
        let first = group.pick(Instant::now(), None, dice).ok_or(ServiceError::NoneLive)?;
        let spare = Spare::of(&request);
        let error = match self.attempt(slug, &group, &first, request).await {
            Err(error) => error,
            answered => return answered,
        };
        let Some(request) = spare.and_then(|spare| spare.after(&error)) else { return Err(error) };
        // The directory may have learnt something in the meantime.
        let group = self.group(slug).unwrap_or(group);
        let Some(second) = group.pick(Instant::now(), Some(&first), dice) else { return Err(error) };
        self.metrics.retried(slug);
        self.attempt(slug, &group, &second, request).await
    }

    async fn attempt(
        &self,
        slug: &str,
        group: &Group,
        endpoint: &Endpoint,
        mut request: Request<OutgoingBody>,
    ) -> Result<ServiceAnswer, ServiceError> {
        endpoint.address_to(&mut request)?;
        let busy = endpoint.occupy();
        let answered = endpoint.send(&mut Some(request)).await.map_err(|error| match error {
            PoolError::Connect(cause) => ServiceError::Unreachable(cause),
            PoolError::Exchange(cause) => ServiceError::Broken(cause),
            PoolError::Silence => ServiceError::TimedOut(self.limits(slug).response),
        });
        match &answered {
            Ok(_) => endpoint.standing.succeeded(),
            Err(error) => {
                let cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
                tracing::warn!(slug, instance = %endpoint.id, %error, cause, "an instance did not answer");
                if error.is_theirs() && group.failed(endpoint, Instant::now(), &self.settings.ejection) {
                    tracing::warn!(slug, instance = %endpoint.id, "the instance gets no calls for a while");
                    self.metrics.ejected(slug);
                }
            }
        }
        answered.map(|mut answer| {
            answer.extensions_mut().insert(endpoint.reached());
            ServiceAnswer { answer, busy }
        })
    }

    /// The instances as of now; `None` when nothing is registered under the slug.
    fn group(&self, slug: &str) -> Option<Arc<Group>> {
        let snapshot = self.directory.snapshot();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(service) = snapshot.service(slug) else {
            groups.remove(slug);
            return None;
        };
        let before = groups.get(slug);
        if let Some(group) = before
            && group.is_of(service)
        {
            return Some(group.clone());
        }
        let limits = self.settings.limits(slug);
        let open = |instance: &crate::directory::Instance| Endpoint::open(instance, &self.dial, limits);
        let group = Arc::new(Group::new(service.clone(), before.map(|group| &**group), open));
        groups.insert(slug.to_owned(), group.clone());
        groups.retain(|slug, _| snapshot.service(slug).is_some());
        Some(group)
    }
}

fn request<T: Outbound>(mut call: T, body: OutgoingBody) -> Result<Request<OutgoingBody>, ServiceError> {
    let mut request = Request::new(body);
    *request.method_mut() = call.method().clone();
    *request.uri_mut() = call.path_and_query().parse().map_err(http::Error::from)?;
    *request.headers_mut() = call.take_headers();
    if call.is_websocket() {
        let headers = request.headers_mut();
        headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("Upgrade"));
        headers.insert(http::header::UPGRADE, http::HeaderValue::from_static("websocket"));
    }
    Ok(request)
}

#[cfg(test)]
mod tests;
