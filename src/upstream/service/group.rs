//! The instances of one service that take calls, each with its connections.

use super::{
    balance::{Candidate, Dice, choose},
    ejection::EjectionRules,
    endpoint::Endpoint,
};
use crate::directory::{Instance, Service};
use std::sync::Arc;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Group {
    /// As it stood in the snapshot that this was made of.
    service: Arc<Service>,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub endpoint: Arc<Endpoint>,
    weight: u16,
}

impl Group {
    /// Takes over the connections of those that are still where they were.
    pub fn new(
        service: Arc<Service>,
        before: Option<&Self>,
        open: impl Fn(&Instance) -> Option<Endpoint>,
    ) -> Self {
        let known = |instance: &Instance| {
            let members = before.map(|group| group.members.iter()).into_iter().flatten();
            let mut endpoints = members.map(|member| &member.endpoint);
            endpoints.find(|known| known.id == instance.id && known.address == instance.address)
        };
        let members = service.instances.iter().filter(|instance| is_open(&service, instance));
        let members = members.filter_map(|instance| {
            let endpoint = match known(instance) {
                Some(known) if known.revision == instance.revision => known.clone(),
                Some(known) => Arc::new(known.anew(instance)),
                None => Arc::new(open(instance)?),
            };
            Some(Member { endpoint, weight: instance.weight })
        });
        let members = members.collect();
        Self { service, members }
    }

    pub fn is_of(&self, service: &Arc<Service>) -> bool {
        Arc::ptr_eq(&self.service, service)
    }

    /// Who gets the next call, not being `except`. Ejected ones are passed over, unless there are no others.
    pub fn pick(&self, now: Instant, except: Option<&Endpoint>, dice: Dice<'_>) -> Option<Arc<Endpoint>> {
        let all = || {
            let other = |member: &&Member| except.is_none_or(|except| member.endpoint.id != except.id);
            self.members.iter().filter(other)
        };
        let mut open: Vec<_> = all().filter(|member| member.endpoint.standing.is_in(now)).collect();
        if open.is_empty() {
            open = all().collect();
        }
        let candidates: Vec<_> = open
            .iter()
            .map(|member| Candidate { weight: member.weight, busy: member.endpoint.busy() })
            .collect();
        let chosen = open.get(choose(&candidates, dice)?)?.endpoint.clone();
        chosen.standing.begin(now);
        Some(chosen)
    }

    /// True when this failure put the instance out.
    pub fn failed(&self, endpoint: &Endpoint, now: Instant, rules: &EjectionRules) -> bool {
        let may_go = || {
            let out = self.members.iter().filter(|member| member.endpoint.standing.is_out()).count();
            rules.allow(out, self.members.len())
        };
        endpoint.standing.failed(now, rules, may_go)
    }
}

/// When all fail at once their status is not to be believed; who drains wants to.
fn is_open(service: &Service, instance: &Instance) -> bool {
    instance.takes_calls() || (service.preserved && instance.draining.is_none())
}
