//! Whether somebody in the middle of a stream may still do what they are doing.

use super::{classify::convox::RackCall, pipeline::Exchange};
use crate::{
    audit::Scope,
    core::SharedClock,
    identity::{AccessCache, Principal},
    policy::{Demand, Demanding as _, Permission, Target},
};
use http_body::Body;
use std::sync::Arc;

/// Answers up to this length are on their way before anybody could take a right away.
const SHORT: u64 = 256 * 1024;

/// Whether an answer takes long enough to be watched.
pub(super) fn is_long(body: &impl Body) -> bool {
    body.size_hint().upper().is_none_or(|length| length > SHORT)
}

/// Looks again at rights: when anything was written about anybody's, and every few seconds for those that end by the
/// clock.
#[derive(Clone, Debug)]
pub struct Watch {
    access: Arc<AccessCache>,
    clock: SharedClock,
    principal: Principal,
    demands: Vec<Demand>,
}

impl Watch {
    /// For a call that is still to be sent.
    pub(super) fn of(exchange: &Exchange<'_>, call: &RackCall) -> Self {
        Self::over(exchange, call.demands().to_vec())
    }

    /// For an answer that is on its way to a call that needed `needs`, all of them on the target in its record.
    pub(super) fn of_answer(exchange: &Exchange<'_>, scope: &Scope, needs: &[Permission]) -> Self {
        let on = |target: &Target| {
            needs
                .iter()
                .map(|permission| Demand { permission: *permission, target: target.clone() })
                .collect()
        };
        Self::over(exchange, scope.target.as_ref().map(on).unwrap_or_default())
    }

    pub(super) const fn new(
        access: Arc<AccessCache>,
        clock: SharedClock,
        principal: Principal,
        demands: Vec<Demand>,
    ) -> Self {
        Self { access, clock, principal, demands }
    }

    fn over(exchange: &Exchange<'_>, demands: Vec<Demand>) -> Self {
        Self {
            access: exchange.pipeline.entrance.access.clone(),
            clock: exchange.pipeline.clock.clone(),
            principal: exchange.principal.clone(),
            demands,
        }
    }

    /// Resolves, with a sentence for the user, when the right to the stream is lost. A database that does not
    /// answer takes no right away: what runs goes on, though nothing new begins.
    pub async fn right_lost(self) -> String {
        let mut pulse = self.access.pulse();
        while pulse.changed().await.is_ok() {
            if let Err(sentence) = self.check() {
                return sentence;
            }
        }
        std::future::pending().await
    }

    /// The sentence for who has lost the right by now.
    pub(super) fn check(&self) -> Result<(), String> {
        let Ok(snapshot) = self.access.current() else { return Ok(()) };
        let now = self.clock.now();
        let Ok(principal) = snapshot.again(&self.principal, now) else {
            return Err("your access was withdrawn while this was running".to_owned());
        };
        let held = |demand: &&Demand| principal.rights.allow(demand.permission, &demand.target, now);
        match self.demands.iter().find(|demand| !held(demand)) {
            None => Ok(()),
            Some(Demand { permission, target }) => {
                Err(format!("you lost the permission {permission} on {target} while this was running"))
            }
        }
    }
}
