//! `GET /registry-svc/watch`: what happens to instances, as server-sent events. A client that lost its connection goes
//! on with `Last-Event-ID`; one that was away for longer than events are kept is told 410 and lists anew.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, admin::Query, may},
    actor::X_REGISTRY_INDEX,
    filter::{Filter, NAMES, Sight},
    view::{EventView, NodeEventView},
};
use crate::{
    directory::{Compacted, Event, node::NodeEvent},
    identity::Principal,
    observe::metrics::catalogue::REGISTRY_WATCHERS,
    policy::{MfaLevel, Permission, Target},
};
use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::Stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use std::{convert::Infallible, fmt::Write as _, sync::Arc, time::Duration};
use tokio::sync::broadcast;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/registry-svc/watch",
    access: Access::Somewhere(&[Permission::InstanceView]),
    mfa: MfaLevel::None,
    action: "instance.watch",
};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// So often something is sent, that proxies in between do not take the connection for dead.
const BEAT: Duration = Duration::from_secs(15);
/// Asks for what happens to nodes, too.
const NODES: &str = "nodes";
/// Events of one piece of the stream.
const BATCH: usize = 256;

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(watch))
}

async fn watch(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let known: Vec<&str> = NAMES.into_iter().chain(["index", NODES]).collect();
    let query = Query::read(raw.as_deref(), &known)?;
    let filter = Filter::read(&query)?;
    let nodes = match query.one_of(NODES, &["true", "false"])? {
        Some("true") => {
            may(&context, &principal, Permission::NodeView)?;
            Some(context.nodes.events())
        }
        _ => None,
    };
    let newest = context.registrar.directory().snapshot().index;
    let start = start(&headers, &query)?.unwrap_or(newest);
    if start > newest {
        return Err(gone(format!("event {start} is later than the last, which is {newest}; list anew")));
    }
    let first = context.registrar.directory().events_after(start, BATCH);
    first.map_err(|compacted: Compacted| gone(compacted.to_string()))?;
    let is_nodes = nodes.is_some();
    let watcher = Watcher { context, principal, filter, index: start, is_nodes, _counted: Counted::new() };
    let stream = events(watcher, nodes);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_REGISTRY_INDEX.clone(), HeaderValue::from(start)),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

fn start(headers: &HeaderMap, query: &Query) -> Result<Option<u64>, ApiError> {
    let header = headers.get(&LAST_EVENT_ID).map(|value| ("Last-Event-ID", value.to_str().unwrap_or("x")));
    let Some((name, text)) = header.or(query.get("index").map(|text| ("index", text))) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| ApiError::field(name, "is not the number of an event"))
}

fn gone(message: String) -> ApiError {
    ApiError::new(StatusCode::GONE, "compacted", message)
}

#[derive(Debug)]
struct Watcher {
    context: Context,
    principal: Principal,
    filter: Filter,
    /// The last event that was looked at.
    index: u64,
    /// Events of nodes are told, too.
    is_nodes: bool,
    _counted: Counted,
}

/// Ends when the client leaves, rights are lost, events are lost, or the process stops.
fn events(
    mut watcher: Watcher,
    mut nodes: Option<broadcast::Receiver<Arc<NodeEvent>>>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    async_stream::stream! {
        let mut changed = watcher.context.registrar.directory().changed();
        let mut pulse = watcher.context.entrance.access.pulse();
        let mut beats = tokio::time::interval(BEAT);
        // The first comes at once, so that the client sees the head of the answer.
        loop {
            tokio::select! {
                biased;
                () = watcher.context.drain.stopping() => return,
                told = pulse.changed() => if told.is_err() || !watcher.may_go_on() { return },
                told = changed.changed() => if told.is_err() { return },
                // Who lags too far behind connects anew.
                told = next_of(&mut nodes) => match told {
                    Ok(event) => yield Ok(told_of_node(&event)),
                    Err(_) => return,
                },
                _ = beats.tick() => yield Ok(Bytes::from(format!(": {}\n\n", watcher.index))),
            }
            changed.borrow_and_update();
            loop {
                match watcher.next() {
                    Ok(None) => break,
                    Ok(Some(text)) if text.is_empty() => {}
                    Ok(Some(text)) => yield Ok(Bytes::from(text)),
                    Err(compacted) => {
                        yield Ok(Bytes::from(format!("event: compacted\ndata: {}\n\n", compacted.forgotten)));
                        return;
                    }
                }
            }
        }
    }
}

async fn next_of(
    nodes: &mut Option<broadcast::Receiver<Arc<NodeEvent>>>,
) -> Result<Arc<NodeEvent>, broadcast::error::RecvError> {
    match nodes {
        Some(nodes) => nodes.recv().await,
        None => std::future::pending().await,
    }
}

/// Without an id: what a client goes on from is the last event of an instance.
fn told_of_node(event: &NodeEvent) -> Bytes {
    let view = NodeEventView::of(event);
    let data = serde_json::to_string(&view).unwrap_or_default();
    Bytes::from(format!("event: {}\ndata: {data}\n\n", view.kind()))
}

impl Watcher {
    /// The next events as text, empty when none of them is for this client; `None` when there are none.
    fn next(&mut self) -> Result<Option<String>, Compacted> {
        let events = self.context.registrar.directory().events_after(self.index, BATCH)?;
        let Some(last) = events.last() else { return Ok(None) };
        self.index = last.index;
        let mut sight = Sight::of(&self.principal, self.context.clock.now());
        let mut text = String::new();
        let mine =
            |event: &&Arc<Event>| self.filter.fits(&event.instance) && sight.sees(&event.instance.slug);
        for event in events.iter().filter(mine) {
            let data = serde_json::to_string(&EventView::of(event)).unwrap_or_default();
            let _ = write!(text, "id: {}\nevent: {}\ndata: {data}\n\n", event.index, event.kind.as_str());
        }
        Ok(Some(text))
    }

    /// Takes over the rights of now. A database that does not answer takes no right away.
    fn may_go_on(&mut self) -> bool {
        let now = self.context.clock.now();
        let Ok(snapshot) = self.context.entrance.access.current() else { return true };
        let Ok(again) = snapshot.again(&self.principal, now) else { return false };
        self.principal = again;
        let rights = &self.principal.rights;
        let sees_nodes = || rights.allow(Permission::NodeView, &Target::gateway(), now);
        rights.may_somewhere(Permission::InstanceView, now) && (!self.is_nodes || sees_nodes())
    }
}

#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!(REGISTRY_WATCHERS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(REGISTRY_WATCHERS).decrement(1.0);
    }
}
