//! What the audit record says of a rack call, and the sentence that a refused caller reads.

use super::classify::convox::RackCall;
use crate::{
    audit::{Decision, Scope},
    core::scrub,
    directory::Reached,
    identity::Principal,
    policy::{Demanding as _, Denied, Missing},
};
use http::{HeaderValue, Response};
use std::{borrow::Cow, sync::LazyLock};

/// Longest command and resource that are recorded, in characters.
const COMMAND: usize = 2_000;
const RESOURCE: usize = 255;

pub fn note_call(scope: &mut Scope, call: &RackCall) {
    scope.action_type = "convox";
    scope.action = Cow::Borrowed(call.route.action);
    scope.resource = cut(call.resource.clone(), RESOURCE);
    scope.resource_type = call.route.resource_type();
    scope.route = call.route.template;
    scope.rack = Some(call.rack.clone());
    scope.command = call.headers.get("command").map(command);
    if let Some(demand) = call.demands().first() {
        scope.permission = Some(demand.permission);
        scope.target = Some(demand.target.clone());
    }
}

/// Which instance answered, when it was one of several.
pub fn note_instance<B>(scope: &mut Scope, answer: &Response<B>) {
    scope.instance = answer.extensions().get::<Reached>().cloned().map(Box::new);
}

/// The command as far as it may be shown: secrets removed, cut to a sensible length.
fn command(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    cut(scrub::scrub(&text).into_owned(), COMMAND)
}

fn cut(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
    }
    text
}

/// Counts what was decided. `reason` is the code of the refusal that came of it, if one did.
pub fn count_decision(decision: Decision, reason: Option<&'static str>) {
    static GRANTED: LazyLock<metrics::Counter> = LazyLock::new(
        || metrics::counter!("gateway_decisions_total", "decision" => "allow", "reason" => "granted"),
    );
    match (decision, reason) {
        (Decision::Deny, Some(reason)) => {
            metrics::counter!("gateway_decisions_total", "decision" => "deny", "reason" => reason)
                .increment(1);
        }
        // Refusals that come after policy said yes leave its decision as it was.
        _ => GRANTED.increment(1),
    }
}

/// Names who may not do what, and what would be needed.
pub fn sentence<T>(principal: &Principal, denied: &Denied<T>) -> String {
    let Some(demand) = &denied.demand else { return format!("{principal} may not do this") };
    let (permission, target) = (demand.permission, cut(demand.target.to_string(), RESOURCE));
    let doing = permission.summary();
    match denied.missing {
        Missing::OwnersGrant => format!(
            "{principal} may not {doing} on {target}: the token has the permission {permission}, its owner has not"
        ),
        Missing::Grant | Missing::Demand => {
            format!("{principal} may not {doing} on {target}: the permission {permission} is missing")
        }
    }
}
