//! `GET /registry-svc/instances`: filtered, a page at a time, and on request only when there is something new.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, admin::Query},
    actor::X_REGISTRY_INDEX,
    filter::{Filter, NAMES, Sight, visible},
    view::InstanceView,
};
use crate::{
    identity::Principal,
    policy::{MfaLevel, Permission},
};
use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    response::IntoResponse,
    routing::get,
};
use http::{HeaderValue, Method};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/instances",
    access: Access::Somewhere(&[Permission::InstanceView]),
    mfa: MfaLevel::None,
    action: "instance.list",
};

const MOST: usize = 1_000;
const LONGEST_WAIT: u64 = 300;
const USUAL_WAIT: u64 = 30;
/// Events that are looked through at once for one that matters.
const LOOK: usize = 1_000;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstancePage {
    instances: Vec<InstanceView>,
    /// Slugs of services of which so many instances failed at once that all of them take calls.
    preserved: Vec<String>,
    /// True while the database cannot be asked whether anything is newer.
    stale: bool,
    /// The last event that this list knows of.
    index: u64,
    /// Give this as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    let known: Vec<&str> = NAMES.into_iter().chain(["limit", "cursor", "index", "wait"]).collect();
    let query = Query::read(raw.as_deref(), &known)?;
    let filter = Filter::read(&query)?;
    let limit = number(&query, "limit", 1, MOST as u64)?.unwrap_or(MOST as u64) as usize;
    let wait = wait(&query)?;
    let principal = match number(&query, "index", 0, u64::MAX)? {
        Some(index) => {
            until_new(&context, &principal, &filter, index, wait).await;
            still(&context, principal)?
        }
        None => principal,
    };

    let now = context.clock.now();
    let snapshot = context.registrar.directory().snapshot();
    let all = visible(&snapshot, &filter, Sight::of(&principal, now));
    let after = query.get("cursor").unwrap_or_default();
    let mut rest = all.iter().filter(|one| one.id.as_str() > after);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.next().and_then(|_| page.last().map(|one| one.id.to_string()));
    let mut sight = Sight::of(&principal, now);
    let mut preserved: Vec<String> = snapshot
        .services()
        .filter(|service| service.preserved && sight.sees(&service.slug))
        .map(|service| service.slug.clone())
        .collect();
    preserved.sort();
    let page = InstancePage {
        instances: page.into_iter().map(|one| InstanceView::of(one)).collect(),
        preserved,
        stale: snapshot.is_stale(now),
        index: snapshot.index,
        next_cursor,
    };
    Ok(([(X_REGISTRY_INDEX.clone(), HeaderValue::from(snapshot.index))], Json(page)))
}

/// Waits for an event after `index` that the filter fits, for the time to pass, or for the end of the process.
async fn until_new(context: &Context, principal: &Principal, filter: &Filter, index: u64, wait: Duration) {
    let directory = context.registrar.directory();
    let mut changed = directory.changed();
    let mut seen = index;
    let looking = async {
        loop {
            let newest = *changed.borrow_and_update();
            // Another database has other numbers.
            if newest < index {
                return;
            }
            let Ok(events) = directory.events_after(seen, LOOK) else { return };
            let mut sight = Sight::of(principal, context.clock.now());
            if events.iter().any(|event| filter.fits(&event.instance) && sight.sees(&event.instance.slug)) {
                return;
            }
            match events.last() {
                Some(last) => seen = last.index,
                None if changed.changed().await.is_err() => return,
                None => {}
            }
        }
    };
    tokio::select! {
        () = Box::pin(looking) => {}
        () = tokio::time::sleep(wait) => {}
        () = context.drain.stopping() => {}
    }
}

/// The caller with the rights of now.
fn still(context: &Context, principal: Principal) -> Result<Principal, ApiError> {
    let Ok(snapshot) = context.entrance.access.current() else { return Ok(principal) };
    let again = snapshot.again(&principal, context.clock.now());
    again.map_err(|_| ApiError::forbidden("your access was withdrawn while you waited"))
}

/// Seconds, with or without an `s`.
fn wait(query: &Query) -> Result<Duration, ApiError> {
    let Some(text) = query.get("wait") else { return Ok(Duration::from_secs(USUAL_WAIT)) };
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    let seconds = seconds.filter(|seconds| *seconds <= LONGEST_WAIT);
    let mend = || ApiError::field("wait", format!("is not a number of seconds up to {LONGEST_WAIT}"));
    seconds.map(Duration::from_secs).ok_or_else(mend)
}

fn number(query: &Query, name: &str, least: u64, most: u64) -> Result<Option<u64>, ApiError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    let mend = || ApiError::field(name, format!("is not a whole number from {least} to {most}"));
    number.map(Some).ok_or_else(mend)
}
