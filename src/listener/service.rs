//! What stands between hyper and the gateway's service: refusals, the connection's identity, and the note of when
//! a response is over.

use super::{
    state::{ConnState, Phase},
    strict::{Refusal, refuse},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use std::{convert::Infallible, error::Error, sync::Arc};

type BoxError = Box<dyn Error + Send + Sync>;

/// hyper keeps room for the future of a service as long as the connection lives. It is boxed here, so that an idle
/// connection does not carry kilobytes of room for a request that is not there.
pub fn guarded<S, B>(
    service: S,
    state: Arc<ConnState>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static>,
    Error = Infallible,
    Future: Send,
> + Send
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    service_fn(move |mut request: Request<Incoming>| -> BoxFuture<'static, _> {
        let (guard, flaw) = state.begin_request();
        let refusal = flaw.map(|flaw| Refusal::bad_request(flaw.reason())).or_else(|| refuse(&request));
        if let Some(refusal) = refusal {
            tracing::debug!(peer = %state.connection.peer, reason = refusal.reason, "refused a request");
            let response = refusal.response().map(Either::Left);
            return Box::pin(async move { Ok(response) });
        }
        request.extensions_mut().insert(state.connection);
        let answer = service.call(request);
        let state = state.clone();
        Box::pin(async move {
            let Ok(response) = answer.await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                state.enter(Phase::Upgraded);
            }
            // The guard lives in the body's error mapper only to be dropped with the body.
            let held = move |error| {
                let _ = &guard;
                error
            };
            Ok::<_, Infallible>(response.map(|body| Either::<Full<Bytes>, _>::Right(body.map_err(held))))
        })
    })
}
