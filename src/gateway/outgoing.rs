//! The body that goes to the rack: rebuilt from checked fields, or streamed.

use super::{
    Refusal,
    classify::convox::{BadParameter, Body as Takes, Form, RackCall, check_form},
    env_change,
    pipeline::Exchange,
    watch::Watch,
};
use crate::{
    audit::Scope,
    policy::Permit,
    upstream::{OutgoingBody, RightLost},
};
use bytes::Bytes;
use http::{
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

pub(super) async fn prepare(
    exchange: &Exchange<'_>,
    scope: &mut Scope,
    permit: &Permit<Box<RackCall>>,
    head: &Parts,
    body: Incoming,
) -> Result<OutgoingBody, Refusal> {
    let route = permit.call().route;
    match route.body {
        Takes::None if body.is_end_stream() || route.drops_body() => Ok(OutgoingBody::Empty),
        Takes::None => Err(BadParameter::unexpected_body(route).into()),
        // Boxed, so that requests without a form do not carry room for one.
        Takes::Form(_) => Box::pin(form_body(exchange, scope, permit.call(), head, body)).await,
        Takes::Raw | Takes::Json | Takes::Opaque => {
            let right_lost = RightLost::when(Watch::of(exchange, permit.call()).right_lost());
            Ok(OutgoingBody::stream(body, scope.traffic(), right_lost))
        }
    }
}

async fn form_body(
    exchange: &Exchange<'_>,
    scope: &mut Scope,
    call: &RackCall,
    head: &Parts,
    body: Incoming,
) -> Result<OutgoingBody, Refusal> {
    let mut form = read_form(exchange, call, head, body).await?;
    // It may have come slowly, and the right to it be gone.
    Watch::of(exchange, call).check().map_err(Refusal::Withdrawn)?;
    // A rack believes this field to be the actor.
    if form.get("ack_by").is_some() {
        form.set("ack_by", &*exchange.principal.user.email);
    }
    env_change::settle(exchange, scope, call, &mut form).await?;
    let text = form.encode();
    scope.traffic().add_in(text.len() as u64);
    Ok(if text.is_empty() { OutgoingBody::Empty } else { OutgoingBody::Form(Some(text.into())) })
}

async fn read_form(
    exchange: &Exchange<'_>,
    call: &RackCall,
    head: &Parts,
    body: Incoming,
) -> Result<Form, Refusal> {
    let limit = exchange.pipeline.settings.get().max_form_bytes;
    let bytes = read_whole(body, limit).await?;
    let (kind, encoding) = (head.headers.get(CONTENT_TYPE), head.headers.get(CONTENT_ENCODING));
    Ok(check_form(call.route, kind, encoding, &bytes)?)
}

/// Reads a body of at most `limit` bytes.
async fn read_whole(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::BodyTooLarge { limit });
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge { limit }),
        Err(_) => Err(Refusal::BodyBroken),
    }
}
