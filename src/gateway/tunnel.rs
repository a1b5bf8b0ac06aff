//! Websockets between a client and a rack, from the rack's 101 to the end of the stream; and the ride that is the same
//! for streams of services.

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

/// How a stream behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    kind: websocket::StreamKind,
    /// Its `kind` in the metrics.
    label: &'static str,
    /// The client's time to prove that it has read all output before the exit marker is sent.
    marker_wait: Duration,
}

impl Plan {
    /// Of a service, which ends it as it likes and knows no exit marker.
    pub const SERVICE: Self =
        Self { kind: websocket::StreamKind::Bytes, label: "service", marker_wait: Duration::ZERO };

    pub fn of(call: &RackCall) -> Option<Self> {
        let Reply::Socket(kind) = call.route.reply else { return None };
        let (kind, label) = match kind {
            StreamKind::Exec => (websocket::StreamKind::Command, "exec"),
            StreamKind::Shell => (websocket::StreamKind::Command, "shell"),
            StreamKind::Logs => (websocket::StreamKind::Output, "logs"),
            StreamKind::Console => (websocket::StreamKind::Bytes, "console"),
            StreamKind::Proxy => (websocket::StreamKind::Bytes, "proxy"),
        };
        Some(Self { kind, label, marker_wait: MARKER_WAIT })
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
/// Of racks, see [`Plan`].
const MARKER_WAIT: Duration = Duration::from_secs(5);

impl Tunnel {
    /// Answers the client's handshake with the rack's, and starts the relay.
    pub fn start(self, mut scope: Scope, head: &mut Parts) -> Response<Body> {
        let Self { plan, watch, drain, idle, mut answer } = self;
        let ride = Ride::new(plan, watch, idle, head, &mut answer);
        scope.answered(answer.status());
        tokio::spawn(run(ride, drain, scope));
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

/// A stream between two handshakes that were both accepted.
pub(super) struct Ride {
    plan: Plan,
    // These two are boxed, because each place that a ride passes on its way into the relay keeps room for them.
    watch: Box<Watch>,
    limits: Box<RelayLimits>,
    client: OnUpgrade,
    upstream: OnUpgrade,
}

impl Ride {
    /// Takes the client's connection out of the request's head, and the other out of the 101 that answers it.
    /// No byte either way for `idle` ends the stream.
    pub fn new(
        plan: Plan,
        watch: Watch,
        idle: Duration,
        head: &mut Parts,
        answer: &mut Response<RackBody>,
    ) -> Self {
        let limits = RelayLimits { idle, linger: LINGER, marker_wait: plan.marker_wait };
        let (client, upstream) = (client_upgrade(head), hyper::upgrade::on(answer));
        Self { plan, watch: Box::new(watch), limits: Box::new(limits), client, upstream }
    }

    /// To the end of the stream, whose traffic is then in the record. None, and the reason is in the record, when a
    /// handshake broke off. `drain` stays with the caller, who holds it until the record is closed: a gateway that
    /// goes down waits for that.
    pub async fn run(self, drain: &TunnelGuard, scope: &mut Scope) -> Option<RelayReport> {
        let Self { plan, watch, limits, client, upstream } = self;
        let Ok((client, upstream)) = tokio::try_join!(client, upstream) else {
            scope.reason = Some(Cow::Borrowed("the handshake broke off"));
            return None;
        };
        let open = Open::new(plan.label);
        // Boxed, because it is moved into the relay, and each place that it passes keeps room for it.
        let stop = Box::pin(async {
            tokio::select! {
                sentence = watch.right_lost() => sentence,
                () = drain.stopping() => "the gateway is going down; connect again in a moment".to_owned(),
            }
        });
        let (client, upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        let report = websocket::relay(client, upstream, plan.kind, &limits, stop).await;
        drop(open);
        let traffic = scope.traffic();
        traffic.add_in(report.client_to_rack);
        traffic.add_out(report.rack_to_client);
        Some(report)
    }
}

/// Counts a stream as open for as long as it lives. A guard, so that one that panics is not counted for ever.
struct Open(&'static str);

impl Open {
    fn new(kind: &'static str) -> Self {
        metrics::gauge!("gateway_tunnels_open", "kind" => kind).increment(1.0);
        Self(kind)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("gateway_tunnels_open", "kind" => self.0).decrement(1.0);
    }
}

async fn run(ride: Ride, drain: TunnelGuard, mut scope: Scope) {
    let plan = ride.plan;
    if let Some(report) = ride.run(&drain, &mut scope).await {
        note(&mut scope, plan, &report);
    }
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
    scope.exit_code = report.exit_code;
    scope.reason = reason.map(Cow::Owned);
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        thread,
    };

    #[test]
    fn a_stream_that_panics_is_not_open_any_more() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let _other = Open::new("exec");
            let panicked: thread::Result<()> = catch_unwind(AssertUnwindSafe(|| {
                let _open = Open::new("exec");
                assert!(handle.render().contains("gateway_tunnels_open{kind=\"exec\"} 2\n"));
                panic!("in the middle of the stream");
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"in the middle of the stream"));
            assert!(handle.render().contains("gateway_tunnels_open{kind=\"exec\"} 1\n"));
        });
    }
}
