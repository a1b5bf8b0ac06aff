//! A new release's environment on its way to the rack: masks resolved, changes decided on and noted.

use super::{
    Refusal,
    classify::convox::{Form, RackCall},
    env::{self, ChangeKind, EnvChange, EnvText, Masking, ReleaseView},
    masking,
    pipeline::Exchange,
    rack_document,
};
use crate::{
    audit::{Decision, Scope},
    policy::{self, Demand, Demanding, Permission, Target},
    upstream::{Outbound, OutgoingBody},
};
use http::{HeaderMap, HeaderValue, Method, header::ACCEPT_ENCODING};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

/// Releases that are looked through for the one that a rollback means.
const LOOK_BACK: usize = 100;

/// Rewrites the form's `env`, if it has one. Refuses changes that the caller may not make.
pub(super) async fn settle(
    exchange: &Exchange<'_>,
    scope: &mut Scope,
    call: &RackCall,
    form: &mut Form,
) -> Result<(), Refusal> {
    let (Some(app), Some(text)) = (call.app.as_deref(), form.get("env")) else { return Ok(()) };
    let posted = EnvText::parse(text).map_err(|error| Refusal::Env(error.into()))?;
    let settings = exchange.pipeline.settings.take();
    let extra = &settings.secret_variables;
    let writer = Masking { sight: masking::sight(exchange, call), extra };
    let stored = stored(exchange, scope, app, &posted, form, writer).await?;
    let merged = env::merge(&posted, &stored, writer).map_err(|error| Refusal::Env(error.into()))?;
    scope.changes = describe(&merged.changes);
    if let Some(change) = EnvChange::of(&exchange.rack.name, app, &merged.changes) {
        let now = exchange.pipeline.clock.now();
        if let Err(denied) = policy::authorize(&exchange.principal.rights, change, now) {
            scope.decision = Decision::Deny;
            scope.permission = denied.demand.as_ref().map(|demand| demand.permission);
            return Err(Refusal::denied(exchange.principal, &denied));
        }
    }
    form.set("env", merged.env.to_text());
    Ok(())
}

/// The environment that stands behind the masks.
async fn stored(
    exchange: &Exchange<'_>,
    scope: &Scope,
    app: &str,
    posted: &EnvText,
    form: &Form,
    writer: Masking<'_>,
) -> Result<EnvText, Refusal> {
    let (build, parent) = (form.get("build"), form.get("parent-release"));
    let rollback = [build, parent].into_iter().flatten().any(|id| !id.is_empty());
    let limit = if rollback { LOOK_BACK } else { 1 };
    let path = format!("/apps/{}/releases?limit={limit}", escaped(app));
    let releases: Option<Vec<ReleaseView>> = look_up(exchange, scope, app, path).await?;
    let releases = releases.unwrap_or_default();
    let base = env::choose_base(posted, &releases, build, parent, writer)
        .map_err(|error| Refusal::Env(error.into()))?;
    let Some(base) = base.and_then(|index| releases.get(index)) else { return Ok(EnvText::default()) };
    let path = format!("/apps/{}/releases/{}", escaped(app), escaped(&base.id));
    let release: ReleaseView = look_up(exchange, scope, app, path).await?;
    Ok(EnvText::of_release(&release.env))
}

fn escaped(segment: &str) -> impl std::fmt::Display {
    utf8_percent_encode(segment, NON_ALPHANUMERIC)
}

/// The gateway's own question on behalf of somebody who may create a release. The caller never sees the answer.
struct LookUp {
    path: String,
    headers: HeaderMap,
    demands: [Demand; 1],
}

impl Demanding for LookUp {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

impl Outbound for LookUp {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn path_and_query(&self) -> &str {
        &self.path
    }

    fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    fn is_websocket(&self) -> bool {
        false
    }
}

async fn look_up<T: DeserializeOwned>(
    exchange: &Exchange<'_>,
    scope: &Scope,
    app: &str,
    path: String,
) -> Result<T, Refusal> {
    let target = Target::app(&exchange.rack.name, app);
    let demands = [Demand { permission: Permission::ReleaseCreate, target }];
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let call = LookUp { path, headers, demands };
    let permit = policy::authorize(&exchange.principal.rights, call, exchange.pipeline.clock.now())
        .map_err(|denied| Refusal::denied(exchange.principal, &denied))?;
    let answer = exchange.forward(scope, permit, OutgoingBody::Empty).await?;
    if !answer.status().is_success() {
        return Err(Refusal::NoReleases(answer.status()));
    }
    let document = rack_document::read(answer.into_body(), exchange.rack.silence()).await?;
    serde_json::from_slice(&document).map_err(|_| Refusal::RackAnswer)
}

/// So many bytes of the changes are told; where the lines of the log are read, one has at most 256 KiB.
const LONGEST: usize = 16 * 1024;

/// `set FOO, unset BAR, set API_TOKEN (secret)`: names only. Of a great many, those that have room and how many more
/// there are: `set FOO, unset BAR and 9998 more`.
fn describe(changes: &[env::Change]) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    let mut length = 0;
    for change in changes {
        let verb = match change.kind {
            ChangeKind::Set => "set",
            ChangeKind::Unset => "unset",
        };
        let text = format!("{verb} {}{}", change.key, if change.secret { " (secret)" } else { "" });
        length += text.len() + ", ".len();
        if length > LONGEST {
            break;
        }
        told.push(text);
    }
    let shown = told.join(", ");
    match changes.len() - told.len() {
        _ if changes.is_empty() => None,
        0 => Some(shown),
        more if told.is_empty() => Some(format!("{more} with long names")),
        more => Some(format!("{shown} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: String) -> env::Change {
        env::Change { key, kind: ChangeKind::Set, secret: false }
    }

    #[test]
    fn a_great_many_changes_are_told_in_one_short_text() {
        assert_eq!(describe(&[]), None);
        let few = [set("A".into()), env::Change { key: "B".into(), kind: ChangeKind::Unset, secret: true }];
        assert_eq!(describe(&few).unwrap(), "set A, unset B (secret)");
        let many: Vec<_> = (0..10_000).map(|number| set(format!("N{number:04}"))).collect();
        let text = describe(&many).unwrap();
        assert!(text.starts_with("set N0000, set N0001, "), "{text}");
        assert!(text.ends_with(", set N1488 and 8511 more"), "{text}");
        assert!(text.len() < LONGEST + 100);
        assert_eq!(describe(&[set("N".repeat(LONGEST))]).unwrap(), "1 with long names");
    }
}
