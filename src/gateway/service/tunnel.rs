//! A websocket between a client and a service, from the service's 101 to the end of the stream.

use super::headers;
use crate::{
    audit::Scope,
    core::drain::TunnelGuard,
    gateway::{
        Body, Watch,
        tunnel::{Plan, Ride, switching},
    },
    upstream::{
        Busy, ServiceAnswer,
        websocket::{EndedBy, RelayError, RelayReport},
    },
};
use http::{Response, request::Parts};
use std::{borrow::Cow, time::Duration};

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
        let ride = Ride::new(Plan::SERVICE, watch, idle, head, &mut answer);
        scope.answered(answer.status());
        tokio::spawn(run(ride, drain, scope, busy));
        let (mut answer, _) = answer.into_parts();
        headers::of_service(&mut answer.headers, slug);
        switching(answer.headers)
    }
}

async fn run(ride: Ride, drain: TunnelGuard, mut scope: Scope, busy: Busy) {
    let report = ride.run(&drain, &mut scope).await;
    drop(busy);
    if let Some(report) = report {
        note(&mut scope, &report);
    }
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
    scope.reason = reason.map(Cow::Owned);
}
