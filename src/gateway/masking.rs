//! Answers that hold environment variables: read whole, masked for this caller, passed on.

use super::{Refusal, classify::convox::RackCall, env, pipeline::Exchange, rack_document};
use crate::upstream::RackBody;
use crate::{
    core::Timestamp,
    policy::{Permission, Rights, Target},
};
use bytes::Bytes;
use http::{Response, header::CONTENT_ENCODING};

/// What the caller may see of the variables on the call's target.
pub(super) fn sight(exchange: &Exchange<'_>, call: &RackCall) -> env::Sight {
    let rack = &exchange.rack.name;
    let target = call.app.as_ref().map_or_else(|| Target::rack(rack), |app| Target::app(rack, app));
    sight_on(&exchange.principal.rights, &target, exchange.pipeline.clock.now())
}

fn sight_on(rights: &Rights, target: &Target, now: Timestamp) -> env::Sight {
    match (rights.allow(Permission::EnvRead, target, now), rights.allow(Permission::SecretRead, target, now))
    {
        (true, true) => env::Sight::All,
        (true, false) => env::Sight::Plain,
        (false, _) => env::Sight::None,
    }
}

/// Never passes on what it could not read.
pub(super) async fn masked(
    exchange: &Exchange<'_>,
    answer: Response<RackBody>,
    sight: env::Sight,
) -> Result<Response<Bytes>, Refusal> {
    let (head, body) = answer.into_parts();
    if head.headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::RackAnswer);
    }
    let bytes = rack_document::read(body, exchange.rack.silence()).await?;
    if bytes.is_empty() {
        return Ok(Response::from_parts(head, bytes));
    }
    let settings = exchange.pipeline.settings.take();
    let masking = env::Masking { sight, extra: &settings.secret_variables };
    let shown = env::mask_release(&bytes, masking).map_err(|_| Refusal::RackAnswer)?;
    Ok(Response::from_parts(head, shown.into()))
}
