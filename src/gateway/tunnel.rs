//! Websockets between a client and a rack, from the rack's 101 to the end of the stream.

use super::{
    Body,
    classify::convox::{RackCall, Reply, StreamKind},
    respond,
    watch::Watch,
};
use crate::upstream::RackBody;
use crate::{
    audit::Scope,
    core::drain::TunnelGuard,
    upstream::websocket::{self, EndedBy, RelayLimits, RelayReport},
};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{borrow::Cow, time::Duration};

/// How a route's stream behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    kind: websocket::StreamKind,
    label: &'static str,
}

impl Plan {
    pub fn of(call: &RackCall) -> Option<Self> {
        let Reply::Socket(kind) = call.route.reply else { return None };
        let (kind, label) = match kind {
            StreamKind::Exec => (websocket::StreamKind::Command, "exec"),
            StreamKind::Shell => (websocket::StreamKind::Command, "shell"),
            StreamKind::Logs => (websocket::StreamKind::Output, "logs"),
            StreamKind::Console => (websocket::StreamKind::Bytes, "console"),
            StreamKind::Proxy => (websocket::StreamKind::Bytes, "proxy"),
        };
        Some(Self { kind, label })
    }
}

/// A stream that is about to run.
pub(super) struct Tunnel {
    pub plan: Plan,
    pub watch: Watch,
    pub drain: TunnelGuard,
    /// No byte either way for this long ends it.
    pub idle: Duration,
    /// The rack's 101.
    pub answer: Response<RackBody>,
}

/// After the end of a stream the other side has this long to go.
const LINGER: Duration = Duration::from_secs(2);
/// The client's time to prove that it has read all output before the exit marker is sent.
const MARKER_WAIT: Duration = Duration::from_secs(5);

impl Tunnel {
    /// Answers the client's handshake with the rack's, and starts the relay.
    pub fn start(self, mut scope: Scope, head: &mut Parts) -> Response<Body> {
        let Self { plan, watch, drain, idle, mut answer } = self;
        let limits = RelayLimits { idle, linger: LINGER, marker_wait: MARKER_WAIT };
        let ends = Ends { client: client_upgrade(head), rack: hyper::upgrade::on(&mut answer) };
        scope.answered(answer.status());
        tokio::spawn(run(plan, watch, drain, limits, scope, ends));
        let (answer, _) = answer.into_parts();
        switching(answer.headers)
    }
}

/// The client's side of a handshake that was accepted. Taken from the request's head.
pub(super) fn client_upgrade(head: &mut Parts) -> OnUpgrade {
    let mut request = http::Request::new(());
    std::mem::swap(request.extensions_mut(), &mut head.extensions);
    hyper::upgrade::on(request)
}

/// A 101 with these end-to-end headers.
pub(super) fn switching(mut headers: http::HeaderMap) -> Response<Body> {
    respond::end_to_end(&mut headers);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

struct Ends {
    client: OnUpgrade,
    rack: OnUpgrade,
}

async fn run(
    plan: Plan,
    watch: Watch,
    drain: TunnelGuard,
    limits: RelayLimits,
    mut scope: Scope,
    ends: Ends,
) {
    let Ok((client, rack)) = tokio::try_join!(ends.client, ends.rack) else {
        scope.reason = Some(Cow::Borrowed("the handshake broke off"));
        return scope.close();
    };
    metrics::gauge!("gateway_tunnels_open", "kind" => plan.label).increment(1.0);
    // Boxed, because it is moved into the relay, and each place that it passes keeps room for it.
    let stop = Box::pin(async {
        tokio::select! {
            sentence = watch.right_lost() => sentence,
            () = drain.stopping() => "the gateway is going down; connect again in a moment".to_owned(),
        }
    });
    let report = websocket::relay(TokioIo::new(client), TokioIo::new(rack), plan.kind, &limits, stop).await;
    metrics::gauge!("gateway_tunnels_open", "kind" => plan.label).decrement(1.0);
    note(&mut scope, plan, &report);
    scope.close();
}

fn note(scope: &mut Scope, plan: Plan, report: &RelayReport) {
    let (ended_by, reason) = match &report.ended_by {
        EndedBy::Client => ("client", None),
        EndedBy::Rack if plan.kind == websocket::StreamKind::Command && report.exit_code.is_none() => {
            ("rack", Some("the rack ended the command without an exit code".to_owned()))
        }
        EndedBy::Rack => ("rack", None),
        EndedBy::Idle => ("idle", Some("ended: no byte for too long".to_owned())),
        EndedBy::Gateway(why) => ("gateway", Some(format!("ended by the gateway: {why}"))),
        EndedBy::Failed(error) => ("failed", Some(error.to_string())),
    };
    metrics::counter!("gateway_tunnels_total", "kind" => plan.label, "ended_by" => ended_by).increment(1);
    let traffic = scope.traffic();
    traffic.add_in(report.client_to_rack);
    traffic.add_out(report.rack_to_client);
    scope.exit_code = report.exit_code;
    scope.reason = reason.map(Cow::Owned);
}
