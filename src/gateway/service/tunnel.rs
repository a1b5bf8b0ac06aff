//! A websocket between a client and a service, from the service's 101 to the end of the stream.

use super::headers;
use crate::{
    audit::Scope,
    core::drain::TunnelGuard,
    gateway::{
        Body, Watch,
        tunnel::{client_upgrade, switching},
    },
    upstream::{
        Busy, ServiceAnswer,
        websocket::{self, EndedBy, RelayError, RelayLimits, RelayReport, StreamKind},
    },
};
use http::{Response, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{borrow::Cow, time::Duration};

/// After the end of a stream the other side has this long to go.
const LINGER: Duration = Duration::from_secs(2);

/// A stream that is about to run.
pub struct Tunnel {
    pub answered: ServiceAnswer,
    pub watch: Watch,
    pub drain: TunnelGuard,
    /// No byte either way for this long ends it.
    pub idle: Duration,
}

impl Tunnel {
    /// Answers the client's handshake with the service's, and starts the relay.
    pub fn start(self, slug: &str, mut scope: Scope, head: &mut Parts) -> Response<Body> {
        let Self { answered: ServiceAnswer { mut answer, busy }, watch, drain, idle } = self;
        let limits = RelayLimits { idle, linger: LINGER, marker_wait: Duration::ZERO };
        let ends = Ends { client: client_upgrade(head), service: hyper::upgrade::on(&mut answer) };
        scope.answered(answer.status());
        tokio::spawn(run(Box::new(watch), drain, Box::new(limits), scope, ends, busy));
        let (mut answer, _) = answer.into_parts();
        headers::of_service(&mut answer.headers, slug);
        switching(answer.headers)
    }
}

struct Ends {
    client: OnUpgrade,
    service: OnUpgrade,
}

async fn run(
    watch: Box<Watch>,
    drain: TunnelGuard,
    limits: Box<RelayLimits>,
    mut scope: Scope,
    ends: Ends,
    busy: Busy,
) {
    let Ok((client, service)) = tokio::try_join!(ends.client, ends.service) else {
        scope.reason = Some(Cow::Borrowed("the handshake broke off"));
        return scope.close();
    };
    metrics::gauge!("gateway_tunnels_open", "kind" => "service").increment(1.0);
    let stop = Box::pin(async {
        tokio::select! {
            sentence = watch.right_lost() => sentence,
            () = drain.stopping() => "the gateway is going down; connect again in a moment".to_owned(),
        }
    });
    let (client, service) = (TokioIo::new(client), TokioIo::new(service));
    let report = websocket::relay(client, service, StreamKind::Bytes, &limits, stop).await;
    metrics::gauge!("gateway_tunnels_open", "kind" => "service").decrement(1.0);
    drop(busy);
    note(&mut scope, &report);
    scope.close();
}

fn note(scope: &mut Scope, report: &RelayReport) {
    let (ended_by, reason) = match &report.ended_by {
        EndedBy::Client => ("client", None),
        EndedBy::Rack => ("service", None),
        EndedBy::Idle => ("idle", Some("ended: no byte for too long".to_owned())),
        EndedBy::Gateway(why) => ("gateway", Some(format!("ended by the gateway: {why}"))),
        EndedBy::Failed(RelayError::RackLost) => {
            ("failed", Some("the connection to the service was lost".to_owned()))
        }
        EndedBy::Failed(RelayError::Protocol { error, .. }) => {
            ("failed", Some(format!("a side broke the websocket protocol: {error}")))
        }
    };
    metrics::counter!("gateway_tunnels_total", "kind" => "service", "ended_by" => ended_by).increment(1);
    let traffic = scope.traffic();
    traffic.add_in(report.client_to_rack);
    traffic.add_out(report.rack_to_client);
    scope.reason = reason.map(Cow::Owned);
}
